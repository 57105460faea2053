# Rscript lasso.R > ../lasso.json : paths and cross-validated curves by glmnet, converged to 1e-14
suppressMessages({library(glmnet); library(survival)}); library(jsonlite); set.seed(20240611)
features <- function(n, p) {
  x <- matrix(rnorm(n * p), n) + 0.7 * rnorm(n)  # correlated through one shared column
  round(x %*% diag(exp(rnorm(p))), 3)
}
folds <- function(event, k) {
  fold <- integer(length(event))
  order <- c(sample(which(event == 1)), sample(which(event == 0)))
  fold[order] <- rep_len(seq_len(k), length(order))
  fold
}
effect <- function(x) drop(scale(x)[, 1:4] %*% c(1.2, -1, 0.7, 0.4))
binary <- function(id, n, p, k, ...) {
  x <- features(n, p); y <- rbinom(n, 1, plogis(effect(x) - 0.3))
  list(id = id, family = "logistic", x = x, y = y, fold = folds(y, k), options = list(...))
}
continuous <- function(id, n, p, k, ...) {
  x <- features(n, p); y <- round(effect(x) + rnorm(n), 3)
  list(id = id, family = "linear", x = x, y = y, fold = sample(rep_len(seq_len(k), n)), options = list(...))
}
survived <- function(id, n, p, k, digits, ...) {
  x <- features(n, p); t <- rexp(n, exp(0.6 * effect(x))); c <- rexp(n, 0.4)
  event <- as.integer(t <= c)
  list(id = id, family = "cox", x = x, y = event, time = round(pmin(t, c), digits) + 0.1,
       fold = folds(event, k), options = list(...))
}
cases <- list(
  binary("logistic-wide", 48, 70, 4, ratio = 0.05), binary("logistic-tall", 120, 8, 6),
  binary("logistic-as-it-is", 60, 10, 5, standardize = FALSE),
  continuous("linear-tall", 60, 9, 5), continuous("linear-wide", 40, 60, 4, ratio = 0.05),
  survived("cox-tall", 80, 7, 5, 6), survived("cox-tied", 70, 8, 5, 1),
  survived("cox-wide", 60, 75, 4, 6, ratio = 0.1))
radiomic <- binary("linear-of-0-1", 60, 12, 5); radiomic$family <- "linear"
shifted <- binary("constant-and-offset", 60, 6, 5)
shifted$x <- cbind(shifted$x, 7, 1e5 + shifted$x[, 1] + rnorm(60))
cases <- c(cases, list(radiomic, shifted))
reference <- function(s) {
  family <- c(logistic = "binomial", linear = "gaussian", cox = "cox")[[s$family]]
  y <- if (family == "cox") Surv(s$time, s$y) else s$y
  ratio <- if (is.null(s$options$ratio)) (if (nrow(s$x) < ncol(s$x)) 0.01 else 1e-4) else s$options$ratio
  fit <- function(f, ...) f(s$x, y, family = family, thresh = 1e-14, maxit = 1e7,
    standardize = !identical(s$options$standardize, FALSE), ...)
  own <- fit(glmnet, lambda.min.ratio = ratio)
  measures <- if (s$id == "logistic-tall") c("deviance", "auc", "class") else "deviance"
  curves <- lapply(measures, function(m) {
    cv <- fit(cv.glmnet, lambda = own$lambda, foldid = s$fold, type.measure = m)
    list(measure = m, mean = cv$cvm, se = cv$cvsd, index = cv$index[, 1] - 1)
  })
  at <- unique(round(seq(2, length(own$lambda), length.out = 12)))
  list(id = s$id, family = s$family, x = s$x, y = s$y, time = s$time, fold = s$fold, ratio = ratio,
       standardise = !identical(s$options$standardize, FALSE), lambda = own$lambda,
       deviance_ratio = own$dev.ratio, null_deviance = own$nulldev, at = at - 1,
       intercept = if (family == "cox") rep(0, length(at)) else own$a0[at],
       coefficient = t(as.matrix(own$beta[, at])), curves = curves)
}
meta <- list(R = R.version.string, glmnet = as.character(packageVersion("glmnet")))
cat(toJSON(list(meta = meta, cases = lapply(cases, reference)), digits = NA, auto_unbox = TRUE))
