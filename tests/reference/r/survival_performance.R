# Rscript survival_performance.R > ../survival_performance.json
# Predictions of a time to event in real and tied data, and what survival, riskRegression, pec and rms say of them.
suppressMessages({library(survival); library(riskRegression); library(prodlim); library(rms); library(jsonlite)})
set.seed(20240416)
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)
# predictions of a Cox model made on `dev` for the patients in `val`, rounded so that the JSON holds what was scored
predictions <- function(formula, dev, val, horizons) {
  fit <- coxph(formula, dev, x = TRUE)
  lp <- round(predict(fit, val, type = "lp", reference = "zero"), 4)
  s <- summary(survfit(fit, newdata = val, se.fit = FALSE), times = horizons, extend = TRUE)$surv
  list(lp = unname(lp), risk = unname(round(1 - matrix(s, nrow = length(horizons)), 4)))
}
case <- function(id, formulas, dev, val, horizons, tau = NULL, average = TRUE) {
  p <- lapply(formulas, predictions, dev = dev, val = val, horizons = horizons)
  list(id = id, time = val$time, event = val$event, horizons = horizons, tau = tau, average = average,
       lp = lapply(p, `[[`, "lp"), risk = lapply(p, `[[`, "risk"))
}
lung1 <- na.omit(data.frame(time = lung$time, event = as.integer(lung$status == 2), age = lung$age, sex = lung$sex, ecog = lung$ph.ecog))
vet <- data.frame(time = veteran$time, event = veteran$status, karno = veteran$karno, cell = veteran$celltype, age = veteran$age)
rot <- with(rotterdam, data.frame(time = pmin(round(pmin(rtime, dtime) / 365.25, 4), 5), event = as.integer((recur == 1 | death == 1) & pmin(rtime, dtime) / 365.25 <= 5), size = as.integer(size), nodes = pmin(nodes, 19), grade = grade, age = age))
gb <- with(gbsg, data.frame(time = pmin(round(rfstime / 365.25, 4), 5), event = as.integer(status == 1 & rfstime / 365.25 <= 5), size = as.integer(cut(size, c(-1, 20, 50, 500))), nodes = pmin(nodes, 19), grade = pmin(pmax(grade, 2), 3), age = age))
n <- 60; x <- round(rnorm(n), 1); ev <- ceiling(rexp(n, exp(x) / 6)); ce <- ceiling(runif(n, 1, 12))
tied <- data.frame(time = pmin(ev, ce), event = as.integer(ev <= ce), x = round(x), z = round(rnorm(n)))
cases <- list(
  case("lung", list(Surv(time, event) ~ age + sex + ecog, Surv(time, event) ~ ecog), lung1, lung1, c(180, 365, 730), tau = 365),
  case("veteran", list(Surv(time, event) ~ karno + cell, Surv(time, event) ~ age), vet, vet, c(30, 100, 200), tau = 200),
  case("rotterdam-gbsg", list(Surv(time, event) ~ size + nodes + grade, Surv(time, event) ~ nodes), rot, gb, c(1, 3, 4.99)),
  case("tied", list(Surv(time, event) ~ x, Surv(time, event) ~ z), tied, tied, c(2, 4, 6), tau = 6))

trapezoid <- function(t, y) sum(diff(t) * (y[-1] + y[-length(y)]) / 2) / diff(range(t))
performance <- function(d) {
  y <- Surv(d$time, d$event); dd <- data.frame(time = d$time, event = d$event)
  cc <- lapply(c("n", "n/G2"), function(w) {
    fit <- lapply(d$lp, function(lp) concordance(y ~ lp, timewt = w, ymax = if (w == "n") NULL else d$tau, reverse = TRUE, influence = 1))
    list(value = sapply(fit, `[[`, "concordance"), se = sapply(fit, function(f) sqrt(f$var)), se_difference = sqrt(sum((fit[[1]]$dfbeta - fit[[2]]$dfbeta)^2)))
  })
  s <- Score(lapply(d$risk, t), Surv(time, event) ~ 1, dd, times = d$horizons, cens.model = "km", metrics = c("brier", "auc"), null.model = TRUE, conf.int = TRUE)
  # one score at all horizons, as a curve of the AUC
  a <- Score(lapply(d$lp, function(lp) matrix(plogis(lp - mean(lp)), length(lp), length(d$horizons))), Surv(time, event) ~ 1, dd, times = d$horizons, cens.model = "km", metrics = "auc", null.model = FALSE, conf.int = TRUE)
  tab <- function(x, what, rows) lapply(rows, function(m) as.data.frame(x)[as.data.frame(x)$model == levels(factor(x$model))[m], what])
  brier <- split(as.data.frame(s$Brier$score)[, c("Brier", "se", "lower", "upper")], as.character(s$Brier$score$model))
  auc <- split(as.data.frame(a$AUC$score)[, c("AUC", "se", "lower", "upper")], as.character(a$AUC$score$model))
  bc <- as.data.frame(s$Brier$contrasts); bc <- bc[bc$reference != "Null model" & bc$model != "Null model", ]
  ac <- as.data.frame(a$AUC$contrasts)
  slope <- lapply(d$lp, function(lp) {f <- coxph(y ~ lp, control = tight); c(coef(f), sqrt(vcov(f)[1]))})
  km <- summary(survfit(y ~ 1), times = d$horizons, extend = TRUE)
  h <- length(d$horizons) - 1; t0 <- d$horizons[h]; r <- d$risk[[1]][h, ]
  flexible <- lapply(3:5, function(k) {
    cll <- log(-log(1 - r)); kn <<- rcspline.eval(cll, nk = k, knots.only = TRUE)
    if (length(kn) < 3 || length(unique(r)) < 8) return(NULL)
    e <- data.frame(time = d$time, event = d$event, cll = cll)
    f <- cph(Surv(time, event) ~ rcs(cll, kn), data = e, x = TRUE, y = TRUE, surv = TRUE, eps = 1e-12, tol = 1e-14)
    o <- 1 - survest(f, newdata = e, times = t0)$surv; g <- abs(o - r)
    f2 <- coxph(y ~ rcspline.eval(cll, knots = kn, inclx = TRUE), control = tight)
    o2 <- 1 - c(summary(survfit(f2, se.fit = FALSE, newdata = list(cll = cll)), times = t0)$surv); g2 <- abs(o2 - r)
    list(knots = k, rms = unname(c(mean(g), quantile(g, c(.5, .9)), max(g))), survival = unname(c(mean(g2), quantile(g2, c(.5, .9)), max(g2))))
  })
  cut <- cut(r, unique(quantile(r, 0:4 / 4)), include.lowest = TRUE)
  km4 <- summary(survfit(y ~ cut, conf.type = "log-log"), times = t0, extend = TRUE)
  thresholds <- c(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
  nb <- lapply(d$risk, function(q) sapply(thresholds, function(p) {
    pos <- q[h, ] >= p; if (!any(pos)) return(0)
    sf <- survfit(Surv(d$time[pos], d$event[pos]) ~ 1); if (max(d$time[pos]) < t0 && min(sf$surv) > 0) return(NA)
    f <- 1 - summary(sf, times = t0, extend = TRUE)$surv; mean(pos) * f - mean(pos) * (1 - f) * p / (1 - p)
  }))
  all <- sapply(thresholds, function(p) {f <- 1 - km$surv[h]; f - (1 - f) * p / (1 - p)})
  c(d, list(c_harrell = cc[[1]], c_uno = cc[[2]], slope = slope,
    brier = unname(brier[c("matrix", "matrix.1")]), brier_null = brier[["Null model"]]$Brier, brier_difference = bc[, c("delta.Brier", "se", "p")],
    auc = unname(auc[c("matrix", "matrix.1")]), auc_difference = ac[, c("delta.AUC", "se", "p")],
    ibs = sapply(brier[names(brier) != "Null model"], function(b) trapezoid(d$horizons, b$Brier)),
    km = km$surv, km_se = km$std.err, flexible = Filter(Negate(is.null), flexible),
    groups = data.frame(observed = 1 - km4$surv, lower = 1 - km4$upper, upper = 1 - km4$lower, predicted = c(tapply(r, cut, mean)), row.names = NULL),
    thresholds = thresholds, net_benefit = nb, treat_all = all))
}

# death is cause 1: riskRegression 2022.11.28 takes cause 1 in its standard errors, whatever `cause` says
pb <- na.omit(pbc[1:312, c("time", "status", "bili", "age", "albumin")]); pb$time <- round(pb$time / 365.25, 4)
competing <- function(id, time, code, risk, horizons, cause) {
  dd <- data.frame(time, code)
  s <- Score(risk, Hist(time, code) ~ 1, dd, times = horizons, cause = cause, cens.model = "km", metrics = c("brier", "auc"), null.model = TRUE, conf.int = TRUE)
  b <- split(as.data.frame(s$Brier$score)[, c("Brier", "se")], as.character(s$Brier$score$model))
  a <- split(as.data.frame(s$AUC$score)[, c("AUC", "se")], as.character(s$AUC$score$model))
  state <- factor(code, 0:2)
  aj <- summary(survfit(Surv(time, state) ~ 1), times = horizons)
  nb <- lapply(risk, function(r) sapply(c(0.1, 0.2, 0.3), function(p) {
    pos <- r >= p; if (!any(pos)) return(0)
    sf <- survfit(Surv(time[pos], state[pos]) ~ 1); f <- summary(sf, times = horizons[2], extend = TRUE)$pstate[1, 1 + cause]
    mean(pos) * f - mean(pos) * (1 - f) * p / (1 - p)
  }))
  list(id = id, time = time, code = code, cause = cause, horizons = horizons, risk = risk, brier = unname(b[c("numeric", "numeric.1")]), brier_null = b[["Null model"]]$Brier,
       auc = unname(a[c("numeric", "numeric.1")]), auc_difference = as.data.frame(s$AUC$contrasts)[, c("delta.AUC", "se", "p")],
       incidence = aj$pstate[, 1 + cause], incidence_se = aj$std.err[, 1 + cause], thresholds = c(0.1, 0.2, 0.3), net_benefit = nb)
}
m <- 80; x <- round(rnorm(m), 1); t1 <- rexp(m, exp(x) / 12); t2 <- rexp(m, 1 / 15); ce <- runif(m, 1, 20)
tt <- ceiling(pmin(t1, t2, ce)); code <- ifelse(pmin(t1, t2) <= ce, ifelse(t1 < t2, 1, 2), 0)
rival <- list(
  competing("pbc", pb$time, c(0, 2, 1)[pb$status + 1], list(round(plogis(0.25 * pb$bili - 2.5), 4), round(plogis(0.05 * pb$age - 3.5), 4)), c(2, 5), 1),
  competing("tied", tt, code, list(round(plogis(x - 1), 2), round(plogis(rnorm(m) - 1), 2)), c(4, 8), 1))
versions <- sapply(c("survival", "riskRegression", "prodlim", "rms"), function(p) as.character(packageVersion(p)))
meta <- c(list(R = R.version.string), as.list(versions))
cat(toJSON(list(meta = meta, cases = lapply(cases, performance), competing = rival), digits = NA, auto_unbox = TRUE, dataframe = "columns", na = "null"))
