# Rscript calibration.R > ../calibration.json : intercept, slope, tests of weak calibration, Brier, R2 by glm, rms
suppressMessages({library(rms); library(jsonlite)}); set.seed(20240416)
study <- function(id, n, mean, sd, a, b, digits = 10) {
  p <- signif(plogis(rnorm(n, mean, sd)), digits)
  list(id = id, y = rbinom(n, 1, plogis(a + b * qlogis(p))), p = p)
}
tied <- function(id, n) {
  p <- sample(seq(0.05, 0.95, 0.1), n, TRUE)
  list(id = id, y = rbinom(n, 1, p), p = p)
}
studies <- list(
  study("calibrated", 200, -0.5, 1.3, 0, 1), study("overconfident", 617, -0.5, 1.3, 0.2, 0.6),
  study("rare", 800, -3.5, 1, 0.3, 1.1), study("small", 14, 0, 1, 0, 1), tied("tied", 120),
  study("coarse", 60, 0.5, 1, -0.5, 1, 2))
control <- glm.control(epsilon = 1e-15, maxit = 100)
loglik <- function(y, eta) sum(y * eta - ifelse(eta > 0, eta + log1p(exp(-eta)), log1p(exp(eta))))
profile <- function(f, best, se, top, level) {
  drop <- function(b) 2 * (top - f(b)) - qchisq(level, 1)
  root <- function(end) uniroot(drop, sort(c(best, end)), tol = 1e-13)$root
  c(root(best - 6 * se), root(best + 6 * se))
}
reference <- function(s) {
  y <- s$y; p <- s$p; lp <- qlogis(p); n <- length(y)
  one <- glm(y ~ 1 + offset(lp), family = binomial, control = control)
  two <- glm(y ~ lp, family = binomial, control = control)
  se1 <- sqrt(vcov(one)[1, 1]); se2 <- sqrt(vcov(two)[2, 2])
  l0 <- loglik(y, lp); l1 <- as.numeric(logLik(one)); l2 <- as.numeric(logLik(two))
  at <- function(b) {
    o <- b * lp
    as.numeric(logLik(glm(y ~ 1 + offset(o), family = binomial, control = control)))
  }
  v <- val.prob(p, y, pl = FALSE)
  lr <- function(a, b, df) list(statistic = 2 * (a - b), df = df, p_value = pchisq(2 * (a - b), df, lower.tail = FALSE))
  squared <- (y - p)^2
  null <- n * (mean(y) * log(mean(y)) + (1 - mean(y)) * log(1 - mean(y)))
  oe <- sum(y) / sum(p); se_log <- sqrt((1 - mean(y)) / sum(y))
  c(s, list(
    intercept = unname(coef(one)[1]), intercept_se = se1,
    intercept_profile = profile(function(a) loglik(y, a + lp), coef(one)[[1]], se1, l1, 0.95),
    slope = unname(coef(two)[2]), slope_se = se2,
    slope_profile = profile(at, coef(two)[[2]], se2, l2, 0.9),
    joint_intercept = unname(coef(two)[1]),
    overall = lr(l2, l0, 2), in_the_large = lr(l1, l0, 1), slope_test = lr(l2, l1, 1),
    val_prob = as.list(v), oe = oe, oe_interval = oe * exp(c(-1, 1) * qnorm(0.975) * se_log),
    brier_se = t.test(squared)$stderr, brier_max = mean(y) * (1 - mean(y)),
    log_loss = -l0 / n, log_loss_se = t.test(-(y * log(p) + (1 - y) * log(1 - p)))$stderr,
    nagelkerke = (1 - exp(-2 * (l0 - null) / n)) / (1 - exp(2 * null / n))))
}
meta <- list(R = R.version.string, rms = as.character(packageVersion("rms")))
cat(toJSON(list(meta = meta, cases = lapply(studies, reference)), digits = NA, auto_unbox = TRUE))
