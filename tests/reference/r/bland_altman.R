# Rscript bland_altman.R > ../bland_altman.json : limits of agreement from R's t distributions
library(jsonlite); set.seed(20240416)
studies <- list(
  list(id = "thirty", n = 30, level = 0.95, share = 0.95), list(id = "six", n = 6, level = 0.95, share = 0.95),
  list(id = "ninety", n = 90, level = 0.90, share = 0.80), list(id = "three", n = 3, level = 0.95, share = 0.95))
reference <- function(s) {
  a <- round(rnorm(s$n, 50, 10), 3); b <- round(1.05 * a - 2 + rnorm(s$n, sd = 3), 3)
  d <- a - b; n <- s$n; z <- qnorm((1 + s$share) / 2); p <- c((1 - s$level) / 2, (1 + s$level) / 2)
  t <- t.test(a, b, paired = TRUE, conf.level = s$level)
  k <- qt(p, n - 1, ncp = z * sqrt(n)) / sqrt(n)
  wide <- qt(p[2], n - 1) * sqrt(1 / n + z^2 / (2 * (n - 1)))
  fit <- lm(d ~ I((a + b) / 2))
  c(s, list(a = a, b = b, bias = mean(d), bias_interval = c(t$conf.int), sd = sd(d),
            limits = mean(d) + c(-1, 1) * z * sd(d), exact = mean(d) + sd(d) * k,
            approximate = mean(d) + sd(d) * (z + c(-1, 1) * wide), slope = unname(coef(fit)[2]),
            slope_interval = c(confint(fit, level = s$level)[2, ]), slope_p = summary(fit)$coefficients[2, 4]))
}
cat(toJSON(list(meta = list(R = R.version.string), cases = lapply(studies, reference)),
           digits = NA, auto_unbox = TRUE))
