# Rscript case_mix.R > ../case_mix.json : membership by glm and pROC, model-based AUC by double sums
suppressMessages(library(pROC)); library(jsonlite); set.seed(20240416)
double_sum <- function(p) {
  w <- outer(p, 1 - p); diag(w) <- 0
  win <- outer(p, p, ">") + 0.5 * outer(p, p, "=="); sum(w * win) / sum(w)
}
cohort <- function(id, n, slope, digits) {
  p <- round(plogis(rnorm(n, -0.8, 1)), digits); p <- pmin(pmax(p, 0.01), 0.99)
  y <- rbinom(n, 1, plogis(0.2 + slope * qlogis(p)))
  fit <- glm(y ~ qlogis(p), family = binomial, epsilon = 1e-14, maxit = 100)
  list(id = id, p = p, y = y, observed = c(auc(roc(y, p, levels = 0:1, direction = "<"))),
       model_based = double_sum(p), calibrated = double_sum(unname(fitted(fit))))
}
membership <- function(id, n_d, n_v, shift) {
  d <- cbind(round(rnorm(n_d), 3), rpois(n_d, 3)); v <- cbind(round(rnorm(n_v, shift), 3), rpois(n_v, 3))
  m <- rep(0:1, c(n_d, n_v)); x <- rbind(d, v)
  z <- apply(x, 2, function(u) (u - mean(u)) / sqrt(mean((u - mean(u))^2)))
  fit <- glm(m ~ z, family = binomial, epsilon = 1e-14, maxit = 100)
  r <- roc(m, fitted(fit), levels = 0:1, direction = "<")
  list(id = id, development = d, validation = v, coefficients = unname(coef(fit)[-1]),
       c = c(auc(r)), interval = c(ci.auc(r))[c(1, 3)])
}
meta <- list(R = R.version.string, pROC = as.character(packageVersion("pROC")))
cat(toJSON(list(meta = meta,
                cohorts = list(cohort("valid", 80, 1, 6), cohort("overfitted", 120, 0.5, 6), cohort("tied", 60, 1, 1)),
                memberships = list(membership("alike", 60, 50, 0), membership("shifted", 45, 70, 1.2))),
           digits = NA, auto_unbox = TRUE))
