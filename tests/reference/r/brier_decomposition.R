# Rscript brier_decomposition.R > ../brier_decomposition.json : CORP by stats::isoreg, Murphy by the formulas
library(jsonlite); set.seed(20240416)
study <- function(id, n, sd, b) {
  p <- unique(signif(plogis(rnorm(n, -0.5, sd)), 10))
  list(id = id, y = rbinom(length(p), 1, plogis(b * qlogis(p))), p = p)
}
studies <- list(study("calibrated", 200, 1.3, 1), study("overconfident", 500, 1.5, 0.5), study("reversed", 60, 1, -1), study("few", 7, 1, 1))
reference <- function(s) {
  y <- s$y; p <- s$p; n <- length(y); mean_y <- mean(y)
  order_p <- order(p)
  recalibrated <- numeric(n); recalibrated[order_p] <- isoreg(p[order_p], y[order_p])$yf
  brier <- mean((y - p)^2); rest <- mean((y - recalibrated)^2); uncertainty <- mean_y * (1 - mean_y)
  group <- droplevels(cut(p, unique(quantile(p, seq(0, 1, 0.2))), include.lowest = TRUE))
  size <- tapply(y, group, length); observed <- tapply(y, group, mean); predicted <- tapply(p, group, mean)
  within <- mean((p - predicted[group])^2) - 2 * mean((y - observed[group]) * (p - predicted[group]))
  c(s, list(brier = brier, uncertainty = uncertainty, corp_miscalibration = brier - rest, corp_discrimination = uncertainty - rest,
            murphy_reliability = sum(size * (predicted - observed)^2) / n, murphy_resolution = sum(size * (observed - mean_y)^2) / n,
            murphy_within = within, groups = length(size)))
}
cat(toJSON(list(meta = list(R = R.version.string), cases = lapply(studies, reference)), digits = NA, auto_unbox = TRUE))
