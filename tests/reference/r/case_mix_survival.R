# Rscript case_mix_survival.R > ../case_mix_survival.json : Gönen & Heller's concordance by double sums
suppressMessages(library(survival)); library(jsonlite); set.seed(20240417)
double_sum <- function(lp) {
  d <- outer(lp, lp, "-")
  chance <- (d > 0) / (1 + exp(-d)) + (d < 0) / (1 + exp(d)) + 0.5 * (d == 0); diag(chance) <- 0
  sum(chance) / (length(lp) * (length(lp) - 1))
}
cohort <- function(id, n, slope, digits) {
  lp <- round(rnorm(n), digits); time <- rexp(n, 0.2 * exp(slope * lp)); censoring <- runif(n, 1, 9)
  time <- round(pmin(time, censoring), 4) + 1e-4; event <- as.integer(time < censoring)
  fit <- coxph(Surv(time, event) ~ lp, ties = "efron", control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
  list(id = id, lp = lp, time = time, event = event, model_based = double_sum(lp),
       calibrated = double_sum(unname(coef(fit)) * lp))
}
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")))
cat(toJSON(list(meta = meta,
                cohorts = list(cohort("valid", 90, 1, 6), cohort("overfitted", 120, 0.4, 6), cohort("tied", 60, 1, 0))),
           digits = NA, auto_unbox = TRUE))
