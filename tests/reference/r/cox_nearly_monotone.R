# Cox models whose events are in the order of the predictor but for one pair: the estimate is finite
# and far out. And one in exact order, for what coxph prints there. Rscript this.R > ../...json
suppressPackageStartupMessages({library(survival); library(jsonlite)})
cases <- list()
for (n in c(5, 20, 100)) for (gap in c(0.1, 0.001)) {
  time <- 1:n
  x <- -time
  half <- n %/% 2
  x[half] <- x[half - 1] + gap
  fit <- suppressWarnings(
    coxph(Surv(time, rep(1, n)) ~ x, control = coxph.control(iter.max = 1000, eps = 1e-14,
                                                          toler.chol = 1e-15)))
  cases[[length(cases) + 1]] <- list(n = n, gap = gap, coefficient = unname(coef(fit)),
    variance = fit$var[1], loglik = fit$loglik)
}
exact <- suppressWarnings(coxph(Surv(1:20, rep(1, 20)) ~ I(-(1:20))))
cat(toJSON(list(
  meta = list(R = as.character(getRversion()), survival = as.character(packageVersion("survival"))),
  cases = cases, exact_order = unname(coef(exact))), auto_unbox = TRUE, digits = 17))
