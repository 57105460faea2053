# Rscript clustered_auc.R > ../clustered_auc.json   (Obuchowski 1997, from the matrices of all pairs)
suppressMessages(library(jsonlite)); set.seed(20240417)

placements <- function(y, s) {
  k <- outer(s[y == 1], s[y == 0], function(a, b) (a > b) + 0.5 * (a == b))
  list(v10 = rowMeans(k), v01 = colMeans(k), auc = mean(k))
}
variance <- function(y, v10, v01, auc, cluster) {
  m <- sum(y == 1); n <- sum(y == 0); ids <- unique(cluster)
  x <- sapply(ids, function(i) sum(v10[cluster[y == 1] == i] - auc))
  w <- sapply(ids, function(i) sum(v01[cluster[y == 0] == i] - auc))
  i10 <- length(unique(cluster[y == 1])); i01 <- length(unique(cluster[y == 0])); i <- length(ids)
  i10 / ((i10 - 1) * m) * sum(x^2) / m + i01 / ((i01 - 1) * n) * sum(w^2) / n +
    2 * i / (i - 1) * sum(x * w) / (m * n)
}
one <- function(id, y, a, b, cluster) {
  pa <- placements(y, a); pb <- placements(y, b)
  va <- variance(y, pa$v10, pa$v01, pa$auc, cluster)
  vd <- variance(y, pa$v10 - pb$v10, pa$v01 - pb$v01, pa$auc - pb$auc, cluster)
  z <- (pa$auc - pb$auc) / sqrt(vd)
  list(id = id, y = y, a = a, b = b, cluster = cluster, auc = pa$auc, variance = va,
       interval = c(max(0, pa$auc - qnorm(0.975) * sqrt(va)), min(1, pa$auc + qnorm(0.975) * sqrt(va))),
       difference = pa$auc - pb$auc, difference_variance = vd, statistic = z, p_value = 2 * pnorm(-abs(z)))
}
draw <- function(id, k, sizes, digits) {
  cluster <- rep(seq_len(k), times = sample(sizes, k, replace = TRUE)); n <- length(cluster)
  u <- rnorm(k)[cluster]; y <- rbinom(n, 1, plogis(u - 0.3))
  one(id, y, round(u + y + rnorm(n), digits), round(u + 0.5 * y + rnorm(n), digits), cluster)
}
cases <- list(draw("lesions", 25, 1:4, 12), draw("tied lesions", 30, 1:5, 0), draw("pairs", 20, 2, 1),
              draw("one a cluster", 40, 1, 0))
unpaired <- function(i, j) { # the variances of two groups without a cluster in common are added
  d <- cases[[i]]$auc - cases[[j]]$auc; v <- cases[[i]]$variance + cases[[j]]$variance; z <- d / sqrt(v)
  list(first = i, second = j, difference = d, variance = v, statistic = z, p_value = 2 * pnorm(-abs(z)),
       interval = d + c(-1, 1) * qnorm(0.9 / 2 + 0.5) * sqrt(v))
}
cat(toJSON(list(meta = list(R = R.version.string), cases = cases,
                unpaired = list(unpaired(1, 3), unpaired(2, 4), unpaired(3, 2))), digits = NA, auto_unbox = TRUE))
