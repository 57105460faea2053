# Rscript meta.R > ../meta.json : random-effects pooling by metafor::rma(method = "REML")
suppressMessages(library(metafor)); library(jsonlite); set.seed(20240416)
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
logit_auc <- round(qlogis(c(0.81, 0.74, 0.69, 0.78, 0.86, 0.72, 0.80)), 6)
studies <- list(
  list(id = "dat-bcg", y = c(bcg$yi), v = c(bcg$vi), level = 0.95),
  list(id = "dat-bcg-90", y = c(bcg$yi), v = c(bcg$vi), level = 0.90),
  list(id = "seven-logit-auc", y = logit_auc, v = c(0.03, 0.011, 0.04, 0.02, 0.09, 0.015, 0.01), level = 0.95),
  list(id = "homogeneous", y = c(0.10, 0.12, 0.08, 0.11, 0.09), v = c(0.04, 0.02, 0.05, 0.03, 0.02), level = 0.95),
  list(id = "two-centres", y = c(0.2, 0.9), v = c(0.02, 0.03), level = 0.95),
  list(id = "three-wild", y = c(-2, 0.1, 3), v = c(0.01, 0.2, 0.05), level = 0.95),
  list(id = "one-outlier", y = c(0.5, 0.52, 0.48, 0.51, 2.5), v = c(0.01, 0.02, 0.01, 0.02, 0.3), level = 0.99),
  list(id = "thirty", y = round(rnorm(30, 1, 0.3), 4), v = round(rchisq(30, 4) / 50 + 0.005, 4), level = 0.95))
reference <- function(s) {
  tight <- list(threshold = 1e-15, maxiter = 10000)
  rows <- lapply(c("knha", "adhoc", "z"), function(test) {
    fit <- rma(s$y, s$v, method = "REML", test = test, level = 100 * s$level, control = tight)
    p <- predict(fit)
    list(test = test, value = c(fit$beta), se = fit$se, statistic = fit$zval, p_value = fit$pval,
         low = fit$ci.lb, high = fit$ci.ub, pi_low = p$pi.lb, pi_high = p$pi.ub)
  })
  fit <- rma(s$y, s$v, method = "REML", level = 100 * s$level, control = tight)
  ci <- confint(fit, control = list(tol = 1e-15, tau2.max = 1000, maxiter = 10000))$random
  c(s, list(tests = rows, tau2 = fit$tau2, tau2_se = fit$se.tau2, tau2_low = ci["tau^2", "ci.lb"],
            tau2_high = ci["tau^2", "ci.ub"], i2 = fit$I2, i2_low = ci["I^2(%)", "ci.lb"],
            i2_high = ci["I^2(%)", "ci.ub"], h2 = fit$H2, q = fit$QE, q_p_value = fit$QEp,
            common = c(rma(s$y, s$v, method = "EE")$beta), weights = unname(weights(fit)) / 100,
            leave_one_out = leave1out(fit)$estimate))
}
meta <- list(R = R.version.string, metafor = as.character(packageVersion("metafor")))
cat(toJSON(list(meta = meta, cases = lapply(studies, reference)), digits = NA, auto_unbox = TRUE))
