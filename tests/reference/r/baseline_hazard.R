# Breslow's baseline survival for given linear predictors, ties among event times.
suppressMessages({library(survival); library(jsonlite)})
set.seed(4)
n <- 60
lp <- round(rnorm(n), 2)
time <- ceiling(rexp(n, exp(lp) / 12))
event <- rbinom(n, 1, .7)
fit <- coxph(Surv(time, event) ~ lp, ties = "breslow", init = 1, control = coxph.control(iter.max = 0))
hazard <- basehaz(fit, centered = FALSE)
at <- c(2, 5, 10, 20)
cat(toJSON(list(meta = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  time = time, event = event, lp = lp, at = at,
  survival = exp(-sapply(at, function(t) max(hazard$hazard[hazard$time <= t])))), digits = NA, auto_unbox = TRUE))
