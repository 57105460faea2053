# Rscript cox.R > ../cox.json : coxph, residuals, survfit, cox.zph and profile likelihood by uniroot
suppressMessages({library(survival); library(jsonlite)})
RNGversion("4.2.0"); set.seed(20240416)
control <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 60, timefix = FALSE)
full <- lung[!is.na(lung$ph.ecog), ]
crowd <- function(n, levels) { x <- cbind(round(rnorm(n), 1), rbinom(n, 1, 0.4))
  list(time = ceiling(levels * rexp(n) * exp(-0.3 * x[, 1])), event = rbinom(n, 1, 0.7), x = x) }
late <- crowd(70, 6); late$entry <- sapply(late$time, function(t) sample(0:(t - 1), 1))
layered <- crowd(90, 5); layered$strata <- sample(3, 90, TRUE)
both <- crowd(80, 6); both$entry <- sapply(both$time, function(t) sample(0:(t - 1), 1)); both$strata <- sample(2, 80, TRUE)
cells <- model.matrix(~ celltype, veteran)[, -1]
studies <- list(
  list(id = "lung", time = full$time, event = full$status - 1, x = as.matrix(full[, c("age", "sex", "ph.ecog")])),
  list(id = "lung-breslow", ties = "breslow", time = full$time, event = full$status - 1, x = as.matrix(full[, c("age", "sex", "ph.ecog")])),
  list(id = "veteran", time = veteran$time, event = veteran$status, x = cbind(cells, karno = veteran$karno),
       terms = list(celltype = 1:3, karno = 4)),
  c(list(id = "heavy-ties"), crowd(100, 3)),
  c(list(id = "heavy-ties-breslow", ties = "breslow"), crowd(100, 3)),
  c(list(id = "left-truncated"), late),
  c(list(id = "strata"), layered),
  c(list(id = "strata-left-truncated"), both),
  list(id = "far-from-zero", time = full$time, event = full$status - 1, x = as.matrix(1e5 + full$age)),
  list(id = "small", time = c(1, 2, 3, 4, 5, 6), event = c(1, 1, 1, 0, 1, 1), x = matrix(c(2, 3, 1, 2, 0, 1), 6)))
num <- function(x) unname(as.vector(x)); mat <- function(x) unname(as.matrix(x))
fit_one <- function(s) {
  s$x <- mat(s$x); ties <- if (is.null(s$ties)) "efron" else s$ties
  p <- ncol(s$x); v <- paste0("v", seq_len(p))
  d <- as.data.frame(s$x); names(d) <- v
  d$time <- s$time; d$event <- s$event; d$id <- seq_along(s$time); d$triple <- (d$id - 1) %/% 3
  if (!is.null(s$entry)) d$entry <- s$entry
  if (!is.null(s$strata)) d$st <- s$strata
  left <- if (is.null(s$entry)) "Surv(time, event) ~ " else "Surv(entry, time, event) ~ "
  model <- function(...) as.formula(paste0(left, paste(c(..., if (!is.null(s$strata)) "strata(st)"), collapse = " + ")))
  fit <- coxph(model(v), d, ties = ties, control = control, x = TRUE, model = TRUE)
  out <- c(s, list(coefficients = num(fit$coefficients), covariance = mat(fit$var), loglik = num(fit$loglik),
    score = fit$score, wald = unname(fit$wald.test)))
  # profile likelihood: fix one coefficient by an offset
  top <- fit$loglik[2]; se <- sqrt(diag(fit$var)); half <- qchisq(0.95, 1) / 2
  out$profile <- lapply(seq_along(fit$coefficients), function(j) {
    drop_at <- function(b) {
      d$off <- b * (d[[v[j]]] - mean(d[[v[j]]]))
      part <- coxph(model(v[-j], "offset(off)"), d, ties = ties, control = control)
      top - tail(part$loglik, 1) - half
    }
    b <- fit$coefficients[j]
    find <- function(side) uniroot(drop_at, sort(b + side * se[j] * c(0.3, 5)), tol = 1e-13, extendInt = if (side > 0) "upX" else "downX")$root
    c(find(-1), find(1))
  })
  out$martingale <- num(residuals(fit, "martingale"))
  out$score_residuals <- mat(residuals(fit, "score"))
  out$schoenfeld <- mat(residuals(fit, "schoenfeld"))
  out$robust <- mat(coxph(model(v), d, cluster = id, ties = ties, control = control)$var)
  out$cluster <- d$triple
  out$clustered <- mat(coxph(model(v), d, cluster = triple, ties = ties, control = control)$var)
  at <- apply(s$x, 2, function(u) quantile(u, 0.7, type = 1)); nd <- as.data.frame(t(at)); names(nd) <- v
  if (is.null(s$strata)) {
    curve <- survfit(fit, newdata = nd); keep <- curve$n.event > 0
    out$at <- num(at)
    out$curve <- list(time = curve$time[keep], cumhaz = num(curve$cumhaz)[keep], std_error = num(curve$std.err)[keep],
      lower = num(curve$lower)[keep], upper = num(curve$upper)[keep])
  }
  out$zph <- lapply(c("km", "rank", "identity", "log"), function(tr) {
    z <- cox.zph(fit, transform = tr)
    c(list(transform = tr, table = mat(z$table), x = num(z$x)), if (tr == "km") list(y = mat(z$y), time = num(z$time)))
  })
  if (!is.null(s$terms)) {
    g <- coxph(Surv(time, status) ~ celltype + karno, veteran, control = control)
    out$zph_terms <- mat(cox.zph(g)$table)
  }
  out
}
concordance <- coxph(Surv(time, status) ~ age + sex + ph.ecog, full)$concordance[["concordance"]]
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")))
cat(toJSON(list(meta = meta, cases = lapply(studies, fit_one), lung_concordance = concordance), digits = NA, auto_unbox = TRUE, na = "null"))
