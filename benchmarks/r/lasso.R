# Rscript lasso.R FOLDER FAMILY N REPEATS AGREE THRESH : least time of cv.glmnet, and models to compare
arguments <- commandArgs(TRUE); folder <- arguments[1]; family <- arguments[2]
n <- as.integer(arguments[3]); repeats <- as.integer(arguments[4])
agree <- as.integer(arguments[5]); thresh <- as.double(arguments[6])
suppressMessages({library(glmnet); library(survival)}); library(jsonlite)
numbers <- function(name) readBin(file.path(folder, paste0(name, ".bin")), "double", 1e8)
x <- matrix(numbers("x"), n); y <- numbers("y"); fold <- numbers("fold")
if (family == "cox") y <- Surv(numbers("time"), y)
seconds <- Inf
for (i in seq_len(repeats)) {
  started <- proc.time()[["elapsed"]]
  cv <- cv.glmnet(x, y, family = family, foldid = fold)
  seconds <- min(seconds, proc.time()[["elapsed"]] - started)
}
lambda <- cv$lambda[seq_len(min(agree, length(cv$lambda)))]
exact <- glmnet(x, y, family = family, lambda = lambda, thresh = thresh, maxit = 1e6)
stopifnot(length(exact$lambda) == length(lambda))
off <- max(abs(as.matrix(cv$glmnet.fit$beta)[, seq_along(lambda)] - as.matrix(exact$beta)))
writeBin(as.numeric(as.matrix(exact$beta)), file.path(folder, "coefficient.bin"))
found <- list(seconds = seconds, lambda = cv$lambda, agree = lambda, off = off,
              version = paste("glmnet", packageVersion("glmnet")))
cat(toJSON(found, digits = NA, auto_unbox = TRUE))
