# Rscript goodness_of_fit.R > ../goodness_of_fit.json : Hosmer-Lemeshow, Pigeon-Heyse, Spiegelhalter, le Cessie
suppressMessages({library(rms); library(jsonlite)}); set.seed(20240416)
study <- function(id, n, mean, sd, a, b, digits = 10) {
  p <- signif(plogis(rnorm(n, mean, sd)), digits)
  list(id = id, y = rbinom(n, 1, plogis(a + b * qlogis(p))), p = p)
}
tied <- function(id, n, values) {
  p <- sample(values, n, TRUE)
  list(id = id, y = rbinom(n, 1, p), p = p)
}
studies <- list(
  study("calibrated", 203, -0.5, 1.3, 0, 1), study("overconfident", 617, -0.5, 1.3, 0.2, 0.6),
  study("rare", 800, -3.5, 1, 0.3, 1.1), study("small", 14, 0, 1, 0, 1),
  tied("tied", 150, seq(0.05, 0.95, 0.05)), tied("merged", 80, c(0.1, 0.2, 0.5, 0.9)))
# The groups of ResourceSelection::hoslem.test (which is in no Debian package), by hand; an empty group, which makes
# its statistic NaN, is dropped.
grouped <- function(y, p, g) {
  droplevels(cut(p, breaks = unique(quantile(p, probs = seq(0, 1, 1 / g))), include.lowest = TRUE))
}
test <- function(statistic, df) list(statistic = statistic, df = df, p_value = pchisq(statistic, df, lower.tail = FALSE))
reference <- function(s) {
  y <- s$y; p <- s$p
  one <- function(g) {
    group <- grouped(y, p, g)
    observed <- tapply(y, group, sum); expected <- tapply(p, group, sum); n <- tapply(y, group, length)
    variance <- tapply(p * (1 - p), group, sum)
    used <- length(n)
    hl <- sum((observed - expected)^2 / expected + (observed - expected)^2 / (n - expected))
    phi <- variance / (expected * (1 - expected / n))
    ph <- sum((observed - expected)^2 / (phi * expected)) + sum((observed - expected)^2 / (phi * (n - expected)))
    list(g = g, used = used, n = as.numeric(n), observed = as.numeric(observed), expected = as.numeric(expected),
         hl_external = test(hl, used), hl_development = if (used > 2) test(hl, used - 2),
         ph_external = test(ph, used), ph_development = if (used > 1) test(ph, used - 1))
  }
  v <- val.prob(p, y, pl = FALSE)
  c(s, list(groups = lapply(c(10, 5), one), spiegelhalter = list(statistic = v[["S:z"]], p_value = v[["S:p"]])))
}
fits <- lapply(list(list(id = "two-predictors", n = 300), list(id = "five-predictors", n = 150)), function(s) {
  k <- if (s$id == "two-predictors") 2 else 5
  x <- signif(matrix(rnorm(s$n * k), s$n), 8)
  y <- rbinom(s$n, 1, plogis(-0.3 + x[, 1] + 0.5 * x[, 2]^2))
  f <- lrm(y ~ x, x = TRUE, y = TRUE, eps = 1e-13, maxit = 100)
  r <- residuals(f, "gof")
  list(id = s$id, x = x, y = y, p = as.numeric(predict(f, type = "fitted")), statistic = r[["Z"]], p_value = r[["P"]],
       sse = r[["Sum of squared errors"]], expected = r[["Expected value|H0"]], sd = r[["SD"]])
})
meta <- list(R = R.version.string, rms = as.character(packageVersion("rms")))
cat(toJSON(list(meta = meta, cases = lapply(studies, reference), fits = fits), digits = NA, auto_unbox = TRUE))
