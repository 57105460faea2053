# Rscript kappa.R > ../kappa.json
# psych and epiR for the unweighted kappa; weighted and Fleiss' from the papers' formulas, with the
# standard error also as an infinitesimal jackknife by numerical differentiation.
suppressMessages({library(psych); library(epiR)}); library(jsonlite); set.seed(20240416)

weighted <- function(x, power, share = rep(1 / nrow(x), nrow(x)), k) {
  w <- if (power == 0) diag(k) else 1 - (abs(outer(1:k, 1:k, "-")) / (k - 1))^power
  p <- matrix(0, k, k); for (i in seq_len(nrow(x))) p[x[i, 1], x[i, 2]] <- p[x[i, 1], x[i, 2]] + share[i]
  po <- sum(w * p); pe <- sum(w * outer(rowSums(p), colSums(p))); (po - pe) / (1 - pe)
}
jackknife <- function(statistic, n) {
  influence <- sapply(seq_len(n), function(i) {
    h <- 1e-5; up <- down <- rep(1 / n, n)
    up <- up * (1 - h); up[i] <- up[i] + h; down <- down * (1 + h); down[i] <- down[i] - h
    (statistic(up) - statistic(down)) / (2 * h)
  })
  sqrt(sum(influence^2)) / n
}
two <- list(
  list(id = "four-grades", x = cbind(sample(1:4, 60, TRUE), 0)),
  list(id = "two-classes", x = cbind(rep(c(1, 2), c(30, 20)), c(rep(1, 26), rep(2, 4), rep(1, 3), rep(2, 17)))),
  list(id = "skewed", x = cbind(rep(c(1, 2, 3), c(80, 6, 4)), c(rep(1, 76), 2, 2, 3, 2, 1, 2, 2, 2, 3, 2, 3, 3, 1, 3))),
  list(id = "below-chance", x = cbind(rep(1:3, each = 8), c(2,3,1,2,3,2,3,1, 1,3,1,3,2,1,3,3, 1,2,1,2,2,1,3,2))))
two[[1]]$x[, 2] <- pmin(4, pmax(1, two[[1]]$x[, 1] + sample(c(-1, 0, 0, 0, 1), 60, TRUE)))
cohen <- function(s) {
  x <- s$x; k <- max(x); n <- nrow(x); fit <- cohen.kappa(x)
  e <- if (k == 2) epi.kappa(table(factor(x[, 1]), factor(x[, 2])), method = "fleiss") else NULL
  c(s, list(kappa = fit$kappa, se = sqrt(fit$var.kappa), low = fit$confid[1, 1], high = fit$confid[1, 3],
            psych_weighted = fit$weighted.kappa, psych_weighted_variance = fit$var.weighted,
            epir = if (k == 2) c(e$kappa$est, e$kappa$se, e$kappa$lower, e$kappa$upper) else NULL,
            linear = c(weighted(x, 1, k = k), jackknife(function(s) weighted(x, 1, s, k), n)),
            quadratic = c(weighted(x, 2, k = k), jackknife(function(s) weighted(x, 2, s, k), n))))
}
expand <- function(counts) t(apply(counts, 1, function(r) rep(seq_along(r), r)))
wikipedia <- matrix(c(0,0,0,0,14, 0,2,6,4,2, 0,0,3,5,6, 0,3,9,2,0, 2,2,8,1,1, 7,7,0,0,0, 3,2,6,3,0,
                      2,5,3,2,2, 6,5,2,1,0, 0,2,2,3,7), ncol = 5, byrow = TRUE)
many <- list(
  list(id = "ten-by-fourteen", x = expand(wikipedia)),
  list(id = "three-readers", x = matrix(sample(1:3, 75, TRUE, c(5, 3, 2)), 25)),
  list(id = "close-readers", x = { a <- sample(1:4, 40, TRUE)
    cbind(a, ifelse(runif(40) < 0.8, a, sample(1:4, 40, TRUE)), ifelse(runif(40) < 0.8, a, sample(1:4, 40, TRUE))) }))
fleiss <- function(s) {
  x <- unname(s$x); k <- max(x); n <- nrow(x); m <- ncol(x)
  counts <- t(apply(x, 1, tabulate, nbins = k))
  agree <- (rowSums(counts^2) - m) / (m * (m - 1))
  kappa <- function(share) {
    p <- colSums(counts * share) / m; pe <- sum(p^2); (sum(agree * share) - pe) / (1 - pe)
  }
  p <- colMeans(counts) / m; q <- 1 - p
  null <- sqrt(2) / (sum(p * q) * sqrt(n * m * (m - 1))) * sqrt(sum(p * q)^2 - sum(p * q * (q - p)))
  value <- kappa(rep(1 / n, n))
  list(id = s$id, x = x, kappa = value, se = jackknife(kappa, n) * sqrt(n / (n - 1)), z = value / null)
}
meta <- list(R = R.version.string, psych = as.character(packageVersion("psych")),
             epiR = as.character(packageVersion("epiR")))
cat(toJSON(list(meta = meta, cohen = lapply(two, cohen), fleiss = lapply(many, fleiss)),
           digits = NA, auto_unbox = TRUE))
