# Rscript light_kappa.R > ../light_kappa.json : mean of the pairwise kappas of psych, and its
# standard error as an infinitesimal jackknife over subjects by numerical differentiation.
suppressMessages(library(psych)); library(jsonlite); set.seed(20240418)
weighted <- function(x, k, power, share) {
  w <- if (power == 0) diag(k) else 1 - (abs(outer(1:k, 1:k, "-")) / (k - 1))^power
  p <- matrix(0, k, k); for (i in seq_len(nrow(x))) p[x[i, 1], x[i, 2]] <- p[x[i, 1], x[i, 2]] + share[i]
  (sum(w * p) - sum(w * outer(rowSums(p), colSums(p)))) / (1 - sum(w * outer(rowSums(p), colSums(p))))
}
light <- function(x, k, power, share) {
  pairs <- combn(ncol(x), 2); mean(apply(pairs, 2, function(j) weighted(x[, j], k, power, share)))
}
jackknife <- function(x, k, power) {
  n <- nrow(x)
  influence <- sapply(seq_len(n), function(i) {
    h <- 1e-5; up <- down <- rep(1 / n, n)
    up <- up * (1 - h); up[i] <- up[i] + h; down <- down * (1 + h); down[i] <- down[i] - h
    (light(x, k, power, up) - light(x, k, power, down)) / (2 * h)
  })
  sqrt(sum(influence^2)) / n
}
readers <- function(id, n, m, k, same) {
  truth <- sample(1:k, n, TRUE)
  x <- sapply(1:m, function(j) ifelse(runif(n) < same, truth, sample(1:k, n, TRUE)))
  fit <- suppressWarnings(cohen.kappa(x))
  list(id = id, x = x, kappa = fit$av.kappa, quadratic = fit$av.wt,
       linear = light(x, k, 1, rep(1 / n, n)), se_kappa = jackknife(x, k, 0),
       se_quadratic = jackknife(x, k, 2), se_linear = jackknife(x, k, 1))
}
meta <- list(R = R.version.string, psych = as.character(packageVersion("psych")))
cat(toJSON(list(meta = meta, cases = list(readers("close", 40, 3, 4, 0.8), readers("far", 30, 4, 3, 0.3))),
           digits = NA, auto_unbox = TRUE))
