# Rscript updating.R > ../updating.json : recalibration, refit and closed testing (Vergouwe 2017) by glm
library(jsonlite); set.seed(20240416)
control <- glm.control(epsilon = 1e-14, maxit = 100)
study <- function(id, n, old, new) {
  x <- signif(cbind(rnorm(n), rnorm(n), rbinom(n, 1, 0.4)), 8)
  p <- plogis(old[1] + x %*% old[-1])[, 1]
  list(id = id, y = rbinom(n, 1, plogis(new[1] + x %*% new[-1])), p = p, x = x)
}
old <- c(-0.5, 0.8, -0.6, 0.4)
studies <- list(
  study("same", 250, old, old), study("prevalence", 300, old, old + c(1, 0, 0, 0)),
  study("too-strong", 500, old, 0.5 * old), study("both", 400, old, c(0.6, 0.4, -0.3, 0.2)),
  study("other-effects", 400, old, c(0.5, -0.3, 0.7, 1)), study("small", 30, old, old))
reference <- function(s) {
  y <- s$y; x <- s$x; lp <- qlogis(s$p); n <- length(y)
  fits <- list(
    intercept = glm(y ~ 1 + offset(lp), family = binomial, control = control),
    logistic = glm(y ~ lp, family = binomial, control = control),
    refit = glm(y ~ x, family = binomial, control = control))
  l <- c(sum(log(ifelse(y == 1, plogis(lp), plogis(-lp)))), sapply(fits, function(f) as.numeric(logLik(f))))
  closed <- function(top, parameters, k) {
    statistic <- 2 * (l[[top]] - l[seq_len(k)]); df <- parameters - seq(0, k - 1)
    p <- pchisq(statistic, df, lower.tail = FALSE)
    list(statistic = as.numeric(statistic), df = df, p_value = as.numeric(p),
         chosen = if (any(p >= 0.05)) which(p >= 0.05)[1] else top)
  }
  c(s, list(intercept = coef(fits$intercept)[[1]], logistic = as.numeric(coef(fits$logistic)), refit = as.numeric(coef(fits$refit)),
            risk = lapply(fits, function(f) as.numeric(fitted(f))),
            wide = closed(4, 4, 3), narrow = closed(3, 2, 2)))
}
cat(toJSON(list(meta = list(R = R.version.string), cases = lapply(studies, reference)), digits = NA, auto_unbox = TRUE))
