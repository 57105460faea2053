# Rscript discrimination.R FOLDER JOB N REPEATS: CPU time of pROC on the binary files in FOLDER, as JSON.
suppressMessages({library(pROC); library(jsonlite)})
a <- commandArgs(TRUE); folder <- a[1]; job <- a[2]; n <- as.integer(a[3]); repeats <- as.integer(a[4])
y <- readBin(file.path(folder, "y.bin"), "double", n)
s <- matrix(readBin(file.path(folder, "s.bin"), "double", 4 * n), nrow = n)
make <- function(j) roc(y, s[, j], levels = c(0, 1), direction = "<")
work <- list(
  delong = function() {
    r <- lapply(1:4, make)
    ci <- sapply(r, function(x) as.numeric(ci.auc(x, method = "delong")))
    z <- combn(4, 2, function(p) unname(roc.test(r[[p[1]]], r[[p[2]]], method = "delong", paired = TRUE)$statistic))
    list(auc = ci[2, ], low = ci[1, ], z = z)
  },
  bootstrap = function() {
    ci <- ci.auc(make(2), method = "bootstrap", boot.n = 2000, progress = "none")
    list(auc = ci[2], low = ci[1], high = ci[3])
  })[[job]]
cpu <- function() sum(proc.time()[1:2])
batch <- if (job == "delong" && n <= 1000) 10 else 1  # R's clock ticks in milliseconds
seconds <- sapply(seq_len(max(1, repeats %/% batch)), function(i) {
  gc(FALSE); start <- cpu(); for (each in seq_len(batch)) value <<- work(); (cpu() - start) / batch
})
cat(toJSON(list(seconds = min(seconds), value = value, version = as.character(packageVersion("pROC"))),
           digits = NA, auto_unbox = TRUE))
