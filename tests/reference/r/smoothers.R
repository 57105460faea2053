# Rscript smoothers.R > ../smoothers.json : loess (direct), lowess, restricted cubic splines; ICI, E50, E90, Emax
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
  study("calibrated", 200, -0.5, 1.3, 0, 1), study("overconfident", 617, -0.5, 1.3, 0.2, 0.6),
  study("rare", 500, -4, 1.5, 0.3, 1.1), study("small", 14, 0, 1, 0, 1),
  tied("tied", 150, seq(0.05, 0.95, 0.05)), tied("ten-values", 80, seq(0.05, 0.95, 0.1)),
  study("coarse", 60, 0.5, 1, -0.5, 1, 2), study("many", 2000, -1, 1.2, 0, 0.8, 6))
distances <- function(fitted, p) {
  gap <- abs(fitted - p)
  list(ici = mean(gap), e50 = unname(quantile(gap, 0.5)), e90 = unname(quantile(gap, 0.9)), emax = max(gap))
}
spline <- function(y, p, k, grid) {
  lp <- qlogis(p)
  knots <- rcspline.eval(lp, nk = k, knots.only = TRUE)
  x <- rcspline.eval(lp, knots = knots, inclx = TRUE, norm = 2)
  g <- rcspline.eval(qlogis(grid), knots = knots, inclx = TRUE, norm = 2)
  f <- lrm.fit(x, y, eps = 1e-12, maxit = 100, tol = 1e-14)
  fitted <- function(x) plogis(as.vector(cbind(1, x) %*% coef(f)))
  list(knots = unname(as.numeric(knots)), grid = fitted(g), distances = distances(fitted(x), p))
}
reference <- function(s) {
  y <- s$y; p <- s$p; grid <- seq(min(p), max(p), length.out = 21)
  direct <- loess(y ~ p, control = loess.control(surface = "direct"))
  line <- loess(y ~ p, span = 0.5, degree = 1, control = loess.control(surface = "direct"))
  low <- lowess(p, y, iter = 0)
  at <- function(x) approx(low, xout = x, ties = mean)$y
  out <- list(
    grid = grid, loess = unname(predict(direct, data.frame(p = grid))), loess_distances = distances(fitted(direct), p),
    loess_line = unname(predict(line, data.frame(p = grid))),
    lowess = at(grid), lowess_distances = distances(at(p), p),
    val_prob = as.list(val.prob(p, y, pl = FALSE)[c("Emax", "E90", "Eavg")]))
  if (length(y) > 50) out <- c(out, list(rcs3 = spline(y, p, 3, grid), rcs4 = spline(y, p, 4, grid), rcs5 = spline(y, p, 5, grid)))
  c(s, out)
}
knots <- function(id, x, k) list(id = id, x = x, k = k, knots = as.numeric(rcspline.eval(x, nk = k, knots.only = TRUE)))
half <- signif(rnorm(120), 6)
knot_cases <- suppressWarnings(list(
  knots("seventy", signif(rnorm(70), 6), 4), knots("three", signif(rnorm(300), 6), 3), knots("seven", signif(rnorm(300), 6), 7),
  knots("floor", c(rep(min(half) - 1, 20), half), 5), knots("floor-and-ceiling", c(rep(-9, 20), half, rep(9, 30)), 5),
  knots("few-values", rep(1:6, 20), 5), knots("coincident", c(rep(5, 40), 1:40), 4),
  knots("floor-three", c(rep(-9, 20), half), 3)))
meta <- list(R = R.version.string, rms = as.character(packageVersion("rms")), Hmisc = as.character(packageVersion("Hmisc")))
cat(toJSON(list(meta = meta, cases = lapply(studies, reference), knots = knot_cases), digits = NA, auto_unbox = TRUE))
