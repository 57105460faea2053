# Rscript nomogram.R > ../nomogram.json : base::pretty, and points and axes of rms::nomogram
suppressMessages({library(rms); library(jsonlite)})
RNGversion("4.2.0"); set.seed(20240416)
ranges <- list(c(0, 100), c(0, 163), c(0, 1), c(-3.2, 4.7), c(1e-8, 1e9), c(17, 17), c(0, 0), c(-5, -5), c(1e6, 1e6 + 1e-3),
  c(-1, 0), c(0, 0.3), c(2.5, 97.5), c(-1e-5, 3e-5), c(1990, 2024), c(-0.1, 0.7), c(1e-300, 1e-299), c(99.9, 100.1),
  c(0.05, 0.95), c(-1e5, 1e5), c(3, 3.0000000001), c(12, 12.5), c(-7, -2), c(0.001, 12345), c(0, 2.5e-12), c(1e12, 1e12 + 8))
for (i in 1:60) { a <- round(rnorm(1, sd = 10^sample(-3:4, 1)), sample(0:4, 1)); ranges <- c(ranges, list(sort(c(a, a + rexp(1) * 10^sample(-3:4, 1))))) }
pretties <- list()
for (r in ranges) for (n in c(1, 2, 5, 10, 23)) pretties <- c(pretties, list(list(low = r[1], high = r[2], n = n, ticks = I(pretty(r, n = n)))))

n <- 150
d <- data.frame(age = round(rnorm(n, 58, 12)), size = round(rgamma(n, 4, 0.35), 1), marker = round(rnorm(n), 2),
  stage = sample(c("T1", "T2", "T3", "T4"), n, TRUE, c(3, 4, 2, 1)), sex = rbinom(n, 1, 0.45), stringsAsFactors = FALSE)
eta <- with(d, -1 + 0.04 * (age - 58) - 0.11 * (size - 11) + c(T1 = 0, T2 = 0.3, T3 = 0.9, T4 = -0.4)[stage] + 0.5 * sex)
d$event <- rbinom(n, 1, plogis(eta))
d$time <- ceiling(30 * rexp(n) * exp(-0.6 * eta)) + 1; d$dead <- rbinom(n, 1, 0.75)
d$flat <- 0
dd <- datadist(d[c("age", "size", "marker", "stage", "sex")]); options(datadist = "dd")
axes <- function(nom, predictors) lapply(setNames(predictors, predictors), function(v) {
  s <- unclass(nom[[v]]); list(values = I(s[[1]]), points = I(unname(s$points))) })
describe <- function(id, formula, fit, nom, predictors, more = list()) {
  info <- attr(nom, "info")
  c(list(id = id, predictors = I(predictors), coefficients = as.list(coef(fit)), per_unit = unname(info$sc),
    intercept = unname(info$Intercept), axes = axes(nom, predictors), total = nom$total.points$x,
    lp = nom$lp$x.real, lp_points = nom$lp$x, lp_range = range(fit$linear.predictors)), more) }
at <- c(0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
logistic <- function(id, formula, predictors, points = 100) {
  fit <- lrm(formula, d, x = TRUE, y = TRUE, eps = 1e-12, maxit = 50)
  nom <- nomogram(fit, fun = plogis, fun.lp.at = list(qlogis(at)), funlabel = "risk", maxscale = points)
  fine <- nomogram(fit, fun = plogis, fun.at = list(at), funlabel = "risk", maxscale = points)
  describe(id, formula, fit, nom, predictors, list(kind = "logistic", max_points = points, risks = at, risk_points = nom$risk$x,
    approximate = list(risks = I(fine$risk$x.real), points = I(fine$risk$x)))) }
horizons <- c(12, 36, 60)
survivals <- c(0.9, 0.8, 0.6, 0.4, 0.2)
cox <- function(id, formula, predictors) {
  fit <- cph(formula, d, x = TRUE, y = TRUE, surv = TRUE, eps = 1e-12, iter.max = 60, time.inc = 12)
  S0 <- sapply(horizons, function(h) survest(fit, linear.predictors = 0, times = h, se.fit = FALSE)$surv)
  lps <- lapply(S0, function(s) log(log(survivals) / log(s)))
  funs <- lapply(S0, function(s) function(lp) s^exp(lp)); names(funs) <- paste0("S", horizons)
  nom <- nomogram(fit, fun = funs, fun.lp.at = lps)
  describe(id, formula, fit, nom, predictors, list(kind = "cox", max_points = 100, horizons = horizons, baseline = S0,
    means = unname(fit$means), survivals = survivals, survival_points = lapply(names(funs), function(f) nom[[f]]$x),
    survival_values = lapply(names(funs), function(f) nom[[f]]$x.real))) }
cases <- list(
  logistic("logistic", event ~ age + size + stage, c("age", "size", "stage")),
  logistic("negative", event ~ size + marker, c("size", "marker")),
  logistic("binary", event ~ age + sex + stage, c("age", "sex", "stage")),
  logistic("one", event ~ size, "size"),
  logistic("fifty-points", event ~ age + size, c("age", "size"), points = 50),
  cox("cox", Surv(time, dead) ~ age + size + stage, c("age", "size", "stage")),
  cox("cox-one", Surv(time, dead) ~ marker, "marker"))
meta <- list(R = R.version.string, rms = as.character(packageVersion("rms")), survival = as.character(packageVersion("survival")))
cat(toJSON(list(meta = meta, data = d, pretty = pretties, cases = cases), digits = NA, auto_unbox = TRUE))
