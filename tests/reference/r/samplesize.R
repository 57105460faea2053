# Rscript samplesize.R > ../samplesize.json
# Binary: the integrals of Riley 2021 by R's integrate(). Survival: the spread of the estimates
# over simulated cohorts, with R survival; `replicates` says how exact a simulated spread is.
suppressMessages(library(survival)); library(jsonlite); set.seed(20240416)

moments <- function(density, low, high) {
  f <- function(g) integrate(function(x) g(x) * density(x), low, high, rel.tol = 1e-12,
                             subdivisions = 2000)$value
  p <- plogis
  i <- sapply(0:2, function(k) f(function(x) x^k * p(x) * (1 - p(x))))
  list(risk = f(p), unit_slope = i[1] / (i[1] * i[3] - i[2]^2))
}
binary <- function(id, family, parameters, prevalence, auc, threshold, widths) {
  density <- switch(family,
    normal = function(x) dnorm(x, parameters[1], parameters[2]),
    beta = function(x) exp(plogis(x, log.p = TRUE) * parameters[1] +
      plogis(-x, log.p = TRUE) * parameters[2] - lbeta(parameters[1], parameters[2])))
  limits <- if (family == "normal") parameters[1] + c(-12, 12) * parameters[2] else c(-60, 60)
  m <- moments(density, limits[1], limits[2])
  z <- qnorm(0.975)
  part <- function(g, low, high) integrate(function(x) g(x) * density(x), low, high,
                                           rel.tol = 1e-12, subdivisions = 2000)$value
  cut <- qlogis(threshold)
  sensitivity <- part(plogis, cut, limits[2]) / m$risk
  specificity <- part(function(x) plogis(-x), limits[1], cut) / (1 - m$risk)
  w <- (1 - prevalence) / prevalence * threshold / (1 - threshold)
  unit_nb <- sensitivity * (1 - sensitivity) / prevalence +
    w^2 * specificity * (1 - specificity) / (1 - prevalence) +
    w^2 * (1 - specificity)^2 / (prevalence * (1 - prevalence))
  inside <- function(x) sapply(x, function(u) part(function(y) plogis(-y), limits[1], u))
  implied <- integrate(function(x) plogis(x) * density(x) * inside(x), limits[1], limits[2],
                       rel.tol = 1e-9, subdivisions = 2000)$value / (m$risk * (1 - m$risk))
  newcombe <- function(n) auc * (1 - auc) * (1 + (n / 2 - 1) * (1 - auc) / (2 - auc) +
    (n / 2 - 1) * auc / (1 + auc)) / (n^2 * prevalence * (1 - prevalence))
  n_auc <- 2
  while (2 * z * sqrt(newcombe(n_auc)) > widths[3]) n_auc <- n_auc + 1
  se_oe <- asinh(widths[1] / 2) / z
  list(id = id, family = family, parameters = parameters, prevalence = prevalence, auc = auc,
       threshold = threshold, widths = widths, implied_risk = m$risk, implied_auc = implied,
       sensitivity = sensitivity, specificity = specificity,
       standardized_net_benefit = sensitivity - (1 - specificity) * w,
       unit_slope = m$unit_slope, unit_net_benefit = unit_nb,
       n = c(ceiling((1 - prevalence) / (prevalence * se_oe^2)),
             ceiling(m$unit_slope / (widths[2] / 2 / z)^2), n_auc,
             ceiling(unit_nb / (widths[4] / 2 / z)^2)))
}
cases <- list(
  binary("pmvalsampsize-example", "normal", c(-5, 2.5), 0.018, 0.8, 0.08, c(1, 0.2, 0.1, 0.2)),
  binary("common-event", "beta", c(1.33, 1.75), 0.43, 0.8, 0.4, c(0.2, 0.2, 0.1, 0.2)),
  binary("rare-skewed", "beta", c(0.4, 6), 0.0625, 0.75, 0.1, c(0.3, 0.3, 0.08, 0.2)),
  binary("narrow", "normal", c(-1, 0.4), 0.28, 0.61, 0.25, c(0.2, 0.4, 0.1, 0.3)))

simulate <- function(id, mean, sd, lost, shape, threshold, n, replicates) {
  rate <- -log1p(-lost); odds <- threshold / (1 - threshold)
  one <- function(i) {
    x <- rnorm(n, mean, sd)
    event <- (rexp(n) / exp(x))^(1 / shape)
    censored <- if (rate > 0) rexp(n, rate) else rep(Inf, n)
    d <- data.frame(time = pmin(event, censored, 1), status = as.integer(event <= pmin(censored, 1)))
    time <- d$time; status <- d$status
    fit <- do.call(survfit, list(Surv(time, status) ~ 1, data = d))
    risk <- 1 - summary(fit, times = 1, extend = TRUE)$surv
    pseudo_risk <- 1 - pseudo(fit, times = 1)
    slope_t <- coef(glm(pseudo_risk ~ x, family = quasi(link = "cloglog", variance = "constant"),
                        start = c(0, 1)))[2]
    slope <- coef(coxph(Surv(time, status) ~ x))
    c_index <- concordance(Surv(time, status) ~ x, reverse = TRUE, ymax = 1 - 1e-9)$concordance
    high <- 1 - exp(-exp(x)) > threshold
    risk_high <- 1 - summary(survfit(Surv(time[high], status[high]) ~ 1), times = 1,
                             extend = TRUE)$surv
    benefit <- mean(high) * (risk_high - (1 - risk_high) * odds) / risk
    c(log(risk), slope_t, slope, c_index, benefit)
  }
  draws <- sapply(seq_len(replicates), one)
  list(id = id, mean = mean, sd = sd, lost = lost, shape = shape, threshold = threshold, n = n,
       replicates = replicates,
       measure = c("oe_t", "calibration_slope_t", "calibration_slope", "c_harrell",
                   "standardized_net_benefit"),
       average = rowMeans(draws), spread = apply(draws, 1, sd))
}
survival <- list(
  simulate("riley-2022", log(0.052 * 3), 0.699, 1 - exp(-0.418 * 3), 1, 0.2, 3000, 1500),
  simulate("early-events", -0.7, 1, 0.3, 0.6, 0.5, 1500, 1500),
  simulate("no-censoring", -1, 0.8, 0, 1.5, 0.3, 1500, 1500))
# Published simulation of Riley 2022 (mean standard error of the slope at three years).
published <- list(n = c(5000, 4000), se = c(0.08738, 0.09745), simulations = 50)
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")))
cat(toJSON(list(meta = meta, cases = cases, survival = survival, published = published),
           digits = NA, auto_unbox = TRUE))
