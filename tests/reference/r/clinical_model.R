# Rscript clinical_model.R > ../clinical_model.json : glm, coxph, survfit, profile limits and the two rounds of P values
suppressMessages({library(survival); library(jsonlite)})
RNGversion("4.2.0"); set.seed(20240416)
tight <- glm.control(epsilon = 1e-14, maxit = 100)
cox_tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60, timefix = FALSE)
n <- 140
d <- data.frame(age = round(rnorm(n, 58, 12)), size = round(rgamma(n, 4, 0.35), 1), sex = rbinom(n, 1, 0.45),
  stage = sample(c("T1", "T2", "T3"), n, TRUE, c(3, 4, 2)), grade = sample(1:3, n, TRUE), ki67 = round(100 * rbeta(n, 2, 5)),
  oedema = sample(c("no", "yes"), n, TRUE), stringsAsFactors = FALSE)
eta <- with(d, -1.2 + 0.03 * (age - 58) + 0.12 * (size - 11) + c(T1 = 0, T2 = 0.3, T3 = 1.1)[stage] + 0.5 * sex)
d$event <- rbinom(n, 1, plogis(eta))
d$time <- ceiling(30 * rexp(n) * exp(-0.7 * eta)); d$dead <- rbinom(n, 1, 0.75)
d$size_gt_10 <- as.numeric(d$size > 10)
code <- function(v) if (v %in% c("stage", "oedema")) v else if (v == "grade_f") "factor(grade)" else v
right <- function(vars) if (length(vars)) paste(sapply(vars, code), collapse = " + ") else "1"
fit_of <- function(kind, vars, offset = NULL, data = d) {
  f <- paste(if (kind == "cox") "Surv(time, dead)" else "event", "~", right(vars))
  if (kind == "cox") return(coxph(as.formula(f), data, control = cox_tight))
  # glm's covariance belongs to the iterate before the last: start again at the maximum
  glm(as.formula(f), binomial, data, control = tight, start = coef(glm(as.formula(f), binomial, data, control = tight)))
}
top <- function(fit) as.numeric(logLik(fit))
beta_of <- function(kind, fit) if (kind == "cox") coef(fit) else coef(fit)[-1]
# A limit of the profile likelihood by fixing one column as an offset and uniroot
profile_of <- function(kind, vars, fit) {
  X <- model.matrix(as.formula(paste("~", right(vars))), d)[, -1, drop = FALSE]
  b <- beta_of(kind, fit); best <- top(fit)
  V <- vcov(fit); se <- sqrt(diag(V)); if (kind == "logistic") se <- se[-1]
  half <- qchisq(0.95, 1) / 2
  t(sapply(seq_along(b), function(j) {
    drop_at <- function(v) {
      o <- v * (X[, j] - mean(X[, j])); rest <- X[, -j, drop = FALSE]
      inner <- if (kind == "cox") { if (ncol(rest)) coxph(Surv(d$time, d$dead) ~ rest + offset(o), control = cox_tight)$loglik[2]
          else coxph(Surv(d$time, d$dead) ~ offset(o), control = cox_tight)$loglik[1] }
        else as.numeric(logLik(if (ncol(rest)) glm(d$event ~ rest + offset(o), family = binomial, control = tight)
          else glm(d$event ~ 1 + offset(o), family = binomial, control = tight)))
      best - inner - half }
    sapply(c(-1, 1), function(s) uniroot(drop_at, sort(b[j] + s * c(0.3, 5) * se[j]), tol = 1e-13, maxiter = 1000)$root) }))
}
pvals <- function(kind, vars, test) {
  fit <- fit_of(kind, vars)
  if (test == "lr") { full <- top(fit)
    sapply(vars, function(v) { low <- fit_of(kind, setdiff(vars, v))
      base <- if (kind == "cox" && length(vars) == 1) fit$loglik[1] else top(low)
      df <- length(coef(fit)) - length(coef(low)); pchisq(2 * (full - base), df, lower.tail = FALSE) })
  } else { V <- vcov(fit); b <- coef(fit)
    sapply(vars, function(v) { j <- grep(paste0("^", gsub("([()])", "\\\\\\1", code(v))), names(b))
      pchisq(drop(b[j] %*% solve(V[j, j], b[j])), length(j), lower.tail = FALSE) }) }
}
model_case <- function(kind, vars) {
  fit <- fit_of(kind, vars); V <- vcov(fit); se <- sqrt(diag(V)); if (kind == "logistic") se <- se[-1]
  out <- list(kind = kind, predictors = I(vars), coefficients = unname(beta_of(kind, fit)), se = unname(se), loglik = top(fit),
    profile = profile_of(kind, vars, fit), joint_lr = unname(pvals(kind, vars, "lr")), joint_wald = unname(pvals(kind, vars, "wald")))
  if (kind == "logistic") { out$intercept <- unname(coef(fit)[1]); out$risk <- unname(fitted(fit)) }
  else { h <- c(6, 12, 36); out$horizons <- h; s <- summary(survfit(fit, newdata = d), times = h, extend = TRUE)
    out$survival <- t(unname(s$surv)) }
  out
}
rounds <- function(kind, vars, first, second, elimination, test) {
  alone <- sapply(vars, function(v) unname(pvals(kind, v, test))); entered <- vars[alone < first]
  together <- if (length(entered)) pvals(kind, entered, test) else numeric(0)
  kept <- entered
  if (elimination == "single-pass") kept <- entered[together < second]
  else while (length(kept)) { p <- pvals(kind, kept, test); if (max(p) < second) break; kept <- kept[-which.max(p)] }
  list(kind = kind, candidates = I(vars), univariate_p = first, multivariable_p = second, elimination = elimination, test = test,
    alone = unname(alone), entered = I(unname(entered)), together = I(unname(together)), kept = I(unname(kept)))
}
all <- c("age", "size", "sex", "stage", "grade_f", "ki67", "oedema")
models <- list(model_case("logistic", c("age", "size", "stage")), model_case("logistic", "size_gt_10"),
  model_case("logistic", all), model_case("cox", c("age", "size", "stage")), model_case("cox", all), model_case("cox", "stage"))
selections <- list()
for (kind in c("logistic", "cox")) for (test in c("lr", "wald")) for (e in c("single-pass", "backward")) for (limits in list(c(.1, .05), c(.5, .2), c(.9, .4), c(1, .3), c(1e-6, .05)))
  selections <- c(selections, list(rounds(kind, all, limits[1], limits[2], e, test)))
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")))
cat(toJSON(list(meta = meta, data = d, models = models, selections = selections), digits = NA, auto_unbox = TRUE))
