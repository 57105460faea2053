# Rscript imputation.R > ../imputation.json
# Posteriors that the chained equations draw from, when one column has gaps: means and covariances
# by lm, by glm and by nnet::multinom with the pseudo-observations of White, Daniel & Royston.
suppressMessages(library(nnet)); library(jsonlite); set.seed(20240416)
n <- 120; x <- round(rnorm(n, 50, 10), 2); z <- round(rexp(n), 2)
z_score <- function(u) { o <- u[!is.na(u)]; (u - mean(o)) / sqrt(mean((o - mean(o))^2)) }
gap <- function(u, k) { u[sample(n, k)] <- NA; u }

y <- gap(round(0.3 * x - 4 * z + rnorm(n, sd = 3), 2), 30)
line <- lm(z_score(y) ~ z_score(x) + z_score(z)); df <- line$df.residual
continuous <- list(data = cbind(x, z, y), mean = unname(coef(line)),
                   covariance = unname(vcov(line)) * df / (df - 2),
                   mean_variance = sum(resid(line)^2) / (df - 2))

augment <- function(design, code, k) {
  p <- ncol(design); m <- colMeans(design); s <- sqrt(colMeans(sweep(design, 2, m)^2))
  rows <- do.call(rbind, lapply(c(1, -1), function(sign) t(sapply(2:p, function(j) {
    r <- m; r[j] <- r[j] + sign * s[j] / 2; r }))))
  rows <- rows[rep(seq_len(nrow(rows)), each = k), , drop = FALSE]
  list(design = rbind(design, rows), code = c(code, rep(seq_len(k), 2 * (p - 1))),
       weight = c(rep(1, nrow(design)), rep(p / nrow(rows), nrow(rows))))
}
b <- gap(rbinom(n, 1, plogis(0.08 * (x - 50) - 0.5)), 25); seen <- !is.na(b)
a <- augment(cbind(1, z_score(x), z_score(z))[seen, ], b[seen] + 1, 2)
logistic <- suppressWarnings(glm(I(a$code - 1) ~ a$design - 1, family = binomial, weights = a$weight,
                                 epsilon = 1e-14, maxit = 100))
binary <- list(data = cbind(x, z, b), mean = unname(coef(logistic)), covariance = unname(vcov(logistic)))

g <- gap(apply(rbind(1, plogis(0.1 * (x - 50)), exp(-z)), 2, function(w) sample(0:2, 1, prob = w)), 20)
seen <- !is.na(g)
a <- augment(cbind(1, z_score(x), z_score(z))[seen, ], g[seen] + 1, 3)
many <- multinom(factor(a$code) ~ a$design - 1, weights = a$weight, trace = FALSE, reltol = 1e-15,
                 abstol = 1e-15, maxit = 2000, Hess = TRUE)
categorical <- list(data = cbind(x, z, g), mean = unname(t(coef(many))), # terms x levels - 1
                    covariance = unname(vcov(many)))                     # levels outside, terms inside
meta <- list(R = R.version.string, nnet = as.character(packageVersion("nnet")))
cat(toJSON(list(meta = meta, continuous = continuous, binary = binary, categorical = categorical),
           digits = NA, na = "null"))
