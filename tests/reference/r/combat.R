# Rscript combat.R > ../combat.json : harmonised features (rows) by sva::ComBat
suppressMessages({library(sva); library(jsonlite)}); set.seed(20240917)
table_of <- function(id, sizes, p = 40, flat = FALSE) {
  n <- sum(sizes); batch <- sample(rep(LETTERS[seq_along(sizes)], sizes)); code <- match(batch, LETTERS)
  age <- round(rnorm(n, 58, 9) + 2 * code, 1); stage <- sample(rep_len(c("I", "II", "III"), n))
  k <- length(sizes)
  x <- matrix(rnorm(p * n), p) * exp(rnorm(p)) * matrix(exp(rnorm(p * k, sd = 0.4)), p)[, code] +
    matrix(rnorm(p * k, sd = 1.5), p)[, code] + outer(rnorm(p, sd = 0.05), age) + outer(rnorm(p), stage == "II") +
    rnorm(p, sd = 20)
  x <- round(x, 4)
  if (flat) { x[3, ] <- 0.1; x[7, batch == "B"] <- -2.5; x[11, batch == "C"] <- 0 }
  list(id = id, x = x, batch = batch, age = age, stage = stage)
}
tables <- list(two = table_of("two", c(14, 10)), three = table_of("three", c(13, 8, 3)),
               four = table_of("four", c(9, 4, 6, 5), flat = TRUE))
asked <- list(
  list(id = "two-batches", data = "two"),
  list(id = "a-batch-of-three", data = "three"),
  list(id = "two-covariates", data = "three", covariates = I(c("age", "stage"))),
  list(id = "four-batches-flat-features", data = "four"),
  list(id = "non-parametric", data = "three", parametric = FALSE),
  list(id = "non-parametric-covariates", data = "two", parametric = FALSE, covariates = I(c("age", "stage"))),
  list(id = "mean-only", data = "two", mean_only = TRUE),
  list(id = "mean-only-covariate", data = "three", mean_only = TRUE, covariates = I("stage")),
  list(id = "mean-only-non-parametric", data = "four", mean_only = TRUE, parametric = FALSE),
  list(id = "reference", data = "three", reference = "A"),
  list(id = "reference-covariates", data = "two", reference = "B", covariates = I(c("age", "stage"))),
  list(id = "reference-non-parametric", data = "four", reference = "C", parametric = FALSE, covariates = I("age")))
reference <- function(a) {
  t <- tables[[a$data]]; mod <- NULL
  if (!is.null(a$covariates)) {
    mod <- model.matrix(reformulate(as.character(a$covariates)), data = data.frame(age = t$age, stage = factor(t$stage)))
  }
  capture.output(out <- suppressMessages(ComBat(t$x, t$batch, mod = mod, par.prior = !identical(a$parametric, FALSE),
    mean.only = identical(a$mean_only, TRUE), ref.batch = a$reference)))
  c(a, list(harmonised = out))
}
meta <- list(R = R.version.string, sva = as.character(packageVersion("sva")))
cat(toJSON(list(meta = meta, tables = unname(tables), cases = lapply(asked, reference)), digits = NA, auto_unbox = TRUE))
