# Rscript decision_scales.R > ../decision_scales.json
# Standardised net benefit and interventions avoided at one threshold, with their Wald intervals.
suppressMessages(library(jsonlite)); set.seed(20240422)
wald <- function(value, influence) { se <- sd(influence) / sqrt(length(influence))
  c(value, se, value + c(-1, 1) * qnorm(.975) * se) }
one <- function(id, y, p, t, harm) {
  w <- t / (1 - t); treated <- p >= t
  gain <- ifelse(treated, ifelse(y == 1, 1, -w), 0) - harm
  s <- mean(gain) / mean(y)
  all <- mean(ifelse(y == 1, 1, -w))          # treat everybody
  spared <- (gain - ifelse(y == 1, 1, -w)) / w
  list(id = id, y = y, p = p, threshold = t, harm = harm, net_benefit = wald(mean(gain), gain),
       standardized = wald(s, (gain - s * y) / mean(y)),
       interventions_avoided = wald((mean(gain) - all) / w, spared))
}
n <- 140; x <- rnorm(n); y <- rbinom(n, 1, plogis(x - 1)); p <- plogis(x - 0.8); tied <- round(p, 1)
cases <- list(one("fine", y, p, 0.2, 0), one("tied, at a risk", y, tied, 0.3, 0), one("harm", y, p, 0.35, 0.02),
              one("high threshold", y, p, 0.7, 0), one("few", y[1:12], tied[1:12], 0.25, 0.01))
cat(toJSON(list(meta = list(R = R.version.string), cases = cases), digits = NA, auto_unbox = TRUE))
