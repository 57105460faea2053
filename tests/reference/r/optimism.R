# Rscript optimism.R > ../optimism.json : Harrell's bootstrap of a fixed logistic model: on stated resamples by glm, and by rms::validate
suppressMessages({library(rms); library(jsonlite)}); set.seed(20240416)
control <- glm.control(epsilon = 1e-14, maxit = 100)
n <- 90
x <- signif(matrix(rnorm(n * 4), n), 8)
y <- rbinom(n, 1, plogis(-0.3 + 0.9 * x[, 1] - 0.6 * x[, 2]))
auc <- function(y, s) { r <- rank(s); m <- sum(y); (sum(r[y == 1]) - m * (m + 1) / 2) / (m * (length(y) - m)) }
performance <- function(y, p) {
  lp <- qlogis(p)
  curve <- loess(y ~ p, control = loess.control(surface = "direct"))
  c(auc = auc(y, p), calibration_intercept = coef(glm(y ~ 1 + offset(lp), family = binomial, control = control))[[1]],
    calibration_slope = coef(glm(y ~ lp, family = binomial, control = control))[[2]], brier = mean((y - p)^2), ici = mean(abs(fitted(curve) - p)))
}
fit <- function(i) coef(glm(y[i] ~ x[i, ], family = binomial, control = control))
risk <- function(b) plogis(b[1] + x %*% b[-1])[, 1]
apparent <- performance(y, risk(fit(1:n)))
draws <- lapply(1:25, function(b) sample.int(n, n, TRUE))
one <- function(i) { p <- risk(fit(i)); list(own = performance(y[i], p[i]), all = performance(y, p), p = p) }
runs <- lapply(draws, one)
difference <- t(sapply(runs, function(r) r$own - r$all))
reference <- risk(fit(1:n))
f <- lrm(y ~ x, x = TRUE, y = TRUE); v <- unclass(rms::validate(f, B = 2000))
out <- list(
  meta = list(R = R.version.string, rms = as.character(packageVersion("rms"))), x = x, y = y,
  counts = t(sapply(draws, tabulate, nbins = n)), apparent = as.list(apparent), optimism = as.list(colMeans(difference)),
  optimism_sd = as.list(apply(difference, 2, sd)), mape = rowMeans(abs(sapply(runs, function(r) r$p) - reference)),
  rms = list(dxy = v["Dxy", "optimism"], slope = v["Slope", "optimism"], brier = v["B", "optimism"], resamples = v[1, "n"]))
cat(toJSON(out, digits = NA, auto_unbox = TRUE))
