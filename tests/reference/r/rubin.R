# Rscript rubin.R > ../rubin.json : Rubin's rules written out (Barnard & Rubin 1999)
library(jsonlite); set.seed(20240416)
studies <- list(
  list(id = "five", q = c(1.02, 0.95, 1.10, 0.99, 1.05), se = c(0.21, 0.20, 0.22, 0.21, 0.19), df = Inf, level = 0.95),
  list(id = "small-sample", q = c(1.02, 0.95, 1.10, 0.99, 1.05), se = c(0.21, 0.20, 0.22, 0.21, 0.19), df = 28, level = 0.95),
  list(id = "mostly-between", q = c(-1.4, 2.2, 0.3), se = c(0.1, 0.12, 0.09), df = 60, level = 0.9),
  list(id = "identical", q = rep(0.7, 4), se = c(0.1, 0.11, 0.12, 0.1), df = Inf, level = 0.95),
  list(id = "identical-small", q = rep(0.7, 4), se = c(0.1, 0.11, 0.12, 0.1), df = 17, level = 0.95),
  list(id = "forty", q = round(rnorm(40, 0.5, 0.1), 4), se = round(runif(40, 0.2, 0.3), 4), df = 200, level = 0.95))
reference <- function(s) {
  m <- length(s$q); qbar <- mean(s$q); ubar <- mean(s$se^2); b <- var(s$q); t <- ubar + (1 + 1 / m) * b
  r <- (1 + 1 / m) * b / ubar; lambda <- (1 + 1 / m) * b / t
  old <- (m - 1) / lambda^2
  obs <- if (is.finite(s$df)) (s$df + 1) / (s$df + 3) * s$df * (1 - lambda) else Inf
  df <- 1 / (1 / old + 1 / obs)
  p <- 2 * pt(-abs(qbar / sqrt(t)), df); half <- qt((1 + s$level) / 2, df) * sqrt(t)
  s$complete <- if (is.finite(s$df)) s$df else 0; s$df <- NULL
  c(s, list(value = qbar, se_total = sqrt(t), within = ubar, between = b,
            df_pooled = if (is.finite(df)) df else 0, r = r, lambda = lambda,
            fmi = (r + 2 / (df + 3)) / (r + 1), p_value = p, low = qbar - half, high = qbar + half))
}
cat(toJSON(list(meta = list(R = R.version.string), cases = lapply(studies, reference)),
           digits = NA, auto_unbox = TRUE))
