# Rscript fine_gray.R FOLDER REPLICATES: the flexible calibration of Austin et al. (2022) with cmprsk::crr, once and on resamples
suppressMessages({library(cmprsk); library(Hmisc); library(jsonlite)})
args <- commandArgs(TRUE); d <- fromJSON(file.path(args[1], "input.json")); replicates <- as.integer(args[2])
cll <- log(-log(1 - d$risk)); knots <- rcspline.eval(cll, nk = 3, knots.only = TRUE)
basis <- rcspline.eval(cll, knots = knots, inclx = TRUE)
curve <- function(rows) {
  f <- crr(d$time[rows], d$kind[rows], basis[rows, ], variance = FALSE)
  h <- sum(f$bfitj[f$uftime <= d$horizon])
  abs(1 - exp(-h * exp(drop(basis[rows, ] %*% f$coef))) - d$risk[rows])
}
once <- curve(seq_along(cll)); set.seed(1)
seconds <- system.time(for (b in seq_len(replicates)) curve(sample(length(cll), replace = TRUE)))[["elapsed"]]
version <- paste0("R ", getRversion(), ", cmprsk ", packageVersion("cmprsk"))
cat(toJSON(list(version = version, seconds = seconds, ici = mean(once)), auto_unbox = TRUE, digits = NA))
