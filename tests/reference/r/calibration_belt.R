# Rscript calibration_belt.R > ../calibration_belt.json : the GiViTI belt by its definition on glm (givitiR is in no Debian package)
library(jsonlite); set.seed(20240416)
study <- function(id, n, lp, truth) {
  p <- signif(plogis(lp), 10)
  list(id = id, y = rbinom(n, 1, truth(qlogis(p))), p = p)
}
studies <- list(
  study("calibrated", 300, rnorm(300, -0.5, 1.2), plogis), study("overconfident", 400, rnorm(400, 0, 1.5), function(x) plogis(0.2 + 0.5 * x)),
  study("curved", 500, rnorm(500, 0, 1.3), function(x) plogis(-0.8 + x + 0.5 * x^2)),
  study("cubic", 800, rnorm(800, 0, 1.2), function(x) plogis(x - 0.35 * x^3)),
  study("quartic", 1200, rnorm(1200), function(x) plogis(-0.5 + x + 1.5 * x^2 + 0.8 * x^3 - 0.6 * x^4)))
control <- glm.control(epsilon = 1e-14, maxit = 100)
k <- qchisq(0.95, 1)
# P(T <= t) given the degree: Nattino, Finazzi & Bertolini (2014), appendix
cdf <- function(t, m, external) {
  q <- 0.05; num <- function(f, a, b) integrate(f, a, b, rel.tol = 1e-11, subdivisions = 1000)$value
  if (external) {
    if (m == 1) return(pchisq(t, 2))
    if (t <= (m - 1) * k) return(0)
    if (m == 2) return((pchisq(t, 1) - 1 + q - sqrt(2 / pi) * exp(-t / 2) * (sqrt(t) - sqrt(k))) / q)
    if (m == 3) {
      one <- num(function(y) (pchisq(t - y, 1) - 1 + q) * dchisq(y, 1), k, t - k)
      two <- num(function(y) (sqrt(t - y) - sqrt(k)) / sqrt(y), k, t - k)
      return((one - exp(-t / 2) / pi * two) / q^2)
    }
    f <- function(r) r^2 * (exp(-r^2 / 2) - exp(-t / 2)) * (-pi * sqrt(k) / (2 * r) + 2 * sqrt(k) / r * asin((r^2 / k - 1)^(-1 / 2)) -
      2 * atan((1 - 2 * k / r^2)^(-1 / 2)) + 2 * sqrt(k) / r * atan((r^2 / k - 2)^(-1 / 2)) + 2 * atan(r / sqrt(k) * sqrt(r^2 / k - 2)) -
      2 * sqrt(k) / r * atan(sqrt(r^2 / k - 2)))
    return((2 / (pi * q^2))^(3 / 2) * num(f, sqrt(3 * k), sqrt(t)))
  }
  if (m == 2) return(pchisq(t, 1))
  if (t <= (m - 2) * k) return(0)
  if (m == 3) return(2 / (pi * q) * num(function(r) r * exp(-r^2 / 2) * acos(sqrt(k) / r), sqrt(k), sqrt(t)))
  f <- function(r) r^2 * exp(-r^2 / 2) * (atan(sqrt(r^2 / k * (r^2 / k - 2))) - sqrt(k) / r * atan(sqrt(r^2 / k - 2)) - sqrt(k) / r * acos((r^2 / k - 1)^(-1 / 2)))
  (2 / pi)^(3 / 2) / q^2 * num(f, sqrt(2 * k), sqrt(t))
}
belt <- function(s, external) {
  y <- s$y; lp <- qlogis(s$p); first <- if (external) 1 else 2
  fit <- function(m) glm(y ~ poly(lp, m), family = binomial, control = control)
  m <- first; best <- fit(m)
  while (m < 4) {
    wider <- fit(m + 1)
    if (best$deviance - wider$deviance <= k) break
    m <- m + 1; best <- wider
  }
  top <- as.numeric(logLik(best))
  statistic <- 2 * (top - sum(log(ifelse(y == 1, plogis(lp), plogis(-lp)))))
  drop <- uniroot(function(t) cdf(t, m, external) - 0.95, c((m - first) * k + 1e-3, 60), tol = 1e-12)$root
  # the curve at one risk is the intercept once the powers are taken from there
  limit <- function(p, side) {
    x <- outer(lp, 1:m, "^") - rep(qlogis(p)^(1:m), each = length(lp))
    whole <- glm(y ~ x, family = binomial, control = control)
    at <- function(d) {
      o <- rep(d, length(y))
      2 * (top - as.numeric(logLik(glm(y ~ x - 1 + offset(o), family = binomial, control = control)))) - drop
    }
    se <- sqrt(vcov(whole)[1, 1]); best <- coef(whole)[[1]]; far <- best + side * 3 * se
    while (at(far) < 0) far <- far + side * se
    plogis(uniroot(at, sort(c(best, far)), tol = 1e-12)$root)
  }
  at <- as.numeric(quantile(s$p, c(0.1, 0.5, 0.9)))
  list(degree = m, statistic = statistic, p_value = 1 - cdf(statistic, m, external), drop = drop, grid = at,
       lower = sapply(at, limit, side = -1), upper = sapply(at, limit, side = 1))
}
reference <- function(s) c(s, list(external = belt(s, TRUE), development = belt(s, FALSE)))
probe <- do.call(rbind, lapply(1:4, function(m) do.call(rbind, lapply(c(2, 5, 8, 12, 16, 20, 30), function(t) {
  data.frame(degree = m, statistic = t, external = cdf(t, m, TRUE), development = if (m > 1) cdf(t, m, FALSE) else NA)
}))))
cat(toJSON(list(meta = list(R = R.version.string), cases = lapply(studies, reference), distribution = probe), digits = NA, auto_unbox = TRUE))
