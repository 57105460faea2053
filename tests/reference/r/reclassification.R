# Rscript reclassification.R > ../reclassification.json   (NRI and IDI by Hmisc::improveProb)
suppressMessages({library(Hmisc); library(jsonlite)}); set.seed(20240420)
z <- qnorm(0.975)
one <- function(id, y, old, new, cuts = NULL) {
  a <- old; b <- new
  if (!is.null(cuts)) { a <- findInterval(old, cuts) / 100; b <- findInterval(new, cuts) / 100 }
  i <- improveProb(a, b, y)
  d <- improveProb(old, new, y)
  net <- function(s) { v <- mean(s != 0) - mean(s)^2; mean(s) + c(-1, 1) * z * sqrt(v / length(s)) }
  e <- sign(b - a)[y == 1]; n <- -sign(b - a)[y == 0]
  v <- (mean(e != 0) - mean(e)^2) / length(e) + (mean(n != 0) - mean(n)^2) / length(n)
  list(id = id, y = y, old = old, new = new, cuts = cuts,
       events = c(i$nri.ev, i$z.nri.ev, net(e)), nonevents = c(i$nri.ne, i$z.nri.ne, net(n)),
       total = c(i$nri, i$z.nri, i$nri + c(-1, 1) * z * sqrt(v)),
       idi = c(d$idi, d$se.idi, d$z.idi, 2 * pnorm(-abs(d$z.idi))))
}
n <- 120; x <- rnorm(n); y <- rbinom(n, 1, plogis(x)); old <- round(plogis(0.3 * x + rnorm(n) * 0.4), 2)
new <- round(plogis(x + 0.3 * rnorm(n)), 2)
cases <- list(one("category-free", y, old, new), one("three categories", y, old, new, c(0.3, 0.6)),
              one("two categories", y, new, old, c(0.5, 0.99)))
cat(toJSON(list(meta = list(R = R.version.string, Hmisc = as.character(packageVersion("Hmisc"))), cases = cases),
           digits = NA, auto_unbox = TRUE))
