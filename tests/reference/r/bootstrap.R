# Rscript bootstrap.R > ../bootstrap.json   (BCa parts by boot, intervals of resampled ROC statistics by pROC)
suppressMessages({library(boot); library(pROC); library(jsonlite)}); set.seed(20240418)
data(aSAH)

bca <- function(id, x, statistic) {
  b <- boot(x, function(d, i) statistic(d[i]), R = 999)
  jack <- sapply(seq_along(x), function(i) statistic(x[-i]))
  l <- mean(jack) - jack                      # boot::empinf(type = "jack") centres at t0 instead
  a <- sum(l^3) / (6 * sum(l^2)^1.5)
  z0 <- qnorm((sum(b$t < b$t0) + sum(b$t <= b$t0)) / (2 * b$R))
  za <- z0 + qnorm(c(0.025, 0.975))
  levels <- pnorm(z0 + za / (1 - a * za))
  le <- empinf(b, type = "jack"); ae <- sum(le^3) / (6 * sum(le^2)^1.5)
  list(id = id, replicates = as.numeric(b$t), estimate = b$t0, jackknife = jack,
       acceleration = a, acceleration_boot = ae, bias = z0,
       bca = as.numeric(quantile(b$t, levels, type = 7)),
       percentile = as.numeric(quantile(b$t, c(0.025, 0.975), type = 7)),
       percentile90 = as.numeric(quantile(b$t, c(0.05, 0.95), type = 7)),
       boot_bca = boot.ci(b, type = "bca", L = le)$bca[4:5])
}
skewed <- rexp(25)
parts <- list(bca("mean", skewed, mean), bca("sd", skewed, sd), bca("ties", rpois(20, 1.5), mean))

poor <- as.integer(aSAH$outcome == "Poor")
monte_carlo <- lapply(list(wfns = as.integer(aSAH$wfns), s100b = aSAH$s100b), function(s) {
  r <- roc(poor, s, direction = "<", levels = 0:1, quiet = TRUE)
  ci <- suppressWarnings(ci.auc(r, method = "bootstrap", boot.n = 20000, progress = "none"))
  at <- c(0.3, 0.5, 0.7, 0.9)
  se <- ci.se(r, specificities = at, boot.n = 5000, progress = "none")
  p <- suppressWarnings(ci.auc(roc(poor, s, direction = "<", levels = 0:1, quiet = TRUE, partial.auc = c(1, 0.7)),
                               method = "bootstrap", boot.n = 5000, progress = "none"))
  list(y = poor, score = s, auc = as.numeric(ci)[c(1, 3)], specificity = at,
       lower = se[, 1], upper = se[, 3], partial = as.numeric(p)[c(1, 3)])
})
out <- list(meta = list(R = R.version.string, boot = as.character(packageVersion("boot")),
                        pROC = as.character(packageVersion("pROC"))),
            cases = parts, monte_carlo = monte_carlo)
cat(toJSON(out, digits = NA, auto_unbox = TRUE))
