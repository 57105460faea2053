# Rscript agreement.R > ../agreement.json : six intraclass correlations by psych::ICC(lmer = FALSE)
suppressMessages(library(psych)); library(jsonlite); set.seed(20240416)
table2 <- matrix(c(9,2,5,8, 6,1,3,2, 8,4,6,8, 7,1,2,6, 10,5,6,9, 6,2,4,7), ncol = 4, byrow = TRUE)
readers <- function(n, k, noise, shift = 0) {
  outer(rnorm(n), rep(1, k)) + matrix(rnorm(n * k, sd = noise), n) + outer(rep(1, n), rnorm(k, sd = shift))
}
studies <- list(
  list(id = "shrout-fleiss", level = 0.95, x = table2),
  list(id = "shrout-fleiss-90", level = 0.90, x = table2),
  list(id = "sixty-two-readers", level = 0.95, x = readers(60, 2, 0.4, 0.2)),
  list(id = "sixty-biased-reader", level = 0.95, x = readers(60, 2, 0.3, 2)),
  list(id = "near-perfect", level = 0.95, x = readers(40, 2, 0.001)),
  list(id = "tied-scores", level = 0.99, x = round(2 * readers(25, 3, 0.8, 0.5))),
  list(id = "pure-noise", level = 0.95, x = matrix(rnorm(60), 20)),
  list(id = "negative", level = 0.95, x = cbind(1:8, 8:1) + matrix(round(rnorm(16), 2), 8)),
  list(id = "large-offset", level = 0.95, x = 1e6 + round(readers(30, 4, 0.5, 0.1), 3)),
  list(id = "three-subjects", level = 0.95, x = matrix(c(1, 2, 4, 4, 6, 5), ncol = 2, byrow = TRUE)))
reference <- function(s) {
  fit <- ICC(s$x, lmer = FALSE, alpha = 1 - s$level)
  r <- fit$results
  c(s, list(value = r$ICC, statistic = r$F, df1 = r$df1, df2 = r$df2, p_psych = r$p,
            p_value = pf(r$F, r$df1, r$df2, lower.tail = FALSE),
            low = r[["lower bound"]], high = r[["upper bound"]]))
}
meta <- list(R = R.version.string, psych = as.character(packageVersion("psych")))
cat(toJSON(list(meta = meta, cases = lapply(studies, reference)), digits = NA, auto_unbox = TRUE))
