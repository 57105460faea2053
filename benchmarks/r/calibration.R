# Rscript calibration.R FOLDER JOB N COLUMNS REPLICATES REPEATS: times rms and stats on the binary files in FOLDER, JSON to stdout.
suppressMessages({library(rms); library(jsonlite)})
a <- commandArgs(TRUE); folder <- a[1]; job <- a[2]; n <- as.integer(a[3]); k <- as.integer(a[4])
replicates <- as.integer(a[5]); repeats <- as.integer(a[6]); set.seed(1)
y <- readBin(file.path(folder, "y.bin"), "double", n)
x <- matrix(readBin(file.path(folder, "x.bin"), "double", k * n), nrow = n)
quiet <- function(work) { sink(nullfile()); on.exit(sink()); work() }
drawn <- function() sample.int(n, n, TRUE)
p <- plogis(x[, 1]); grid <- seq(min(p), max(p), length.out = 50)
fit <- lrm(y ~ x, x = TRUE, y = TRUE)
curve <- function(smooth) as.numeric(approx(smooth, xout = grid, ties = mean)$y)
direct <- function(y, p) predict(loess(y ~ p, control = loess.control(surface = "direct", statistics = "approximate")), data.frame(p = grid))
work <- list(
  calibrate = function() { quiet(function() rms::calibrate(fit, method = "boot", B = replicates)); curve(lowess(p, y, iter = 0)) },
  val_prob = function() { for (b in seq_len(replicates)) { i <- drawn(); val.prob(p[i], y[i], pl = FALSE) }; curve(lowess(p, y, iter = 0)) },
  lowess = function() { for (b in seq_len(replicates)) { i <- drawn(); curve(lowess(p[i], y[i], iter = 0)) }; curve(lowess(p, y, iter = 0)) },
  loess = function() { for (b in seq_len(replicates)) { i <- drawn(); direct(y[i], p[i]) }; as.numeric(direct(y, p)) },
  validate = function() {
    v <- unclass(rms::validate(fit, B = replicates))
    list(dxy = v["Dxy", "optimism"], slope = v["Slope", "optimism"], brier = v["B", "optimism"])
  })[[job]]
seconds <- sapply(seq_len(repeats), function(i) {
  gc(FALSE); start <- as.numeric(Sys.time()); value <<- work(); as.numeric(Sys.time()) - start
})
cat(toJSON(list(seconds = min(seconds), value = value, version = as.character(packageVersion("rms")), R = paste(R.version$major, R.version$minor, sep = ".")),
           digits = NA, auto_unbox = TRUE))
