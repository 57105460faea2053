# Rscript group_tests.R > ../group_tests.json : baseline-table tests by R stats and coin
suppressMessages(library(coin)); library(jsonlite); set.seed(20240416)
measurements <- list(
  list(id = "continuous", x = round(rnorm(14, 1), 4), y = round(rnorm(17, 0, 2), 4)),
  list(id = "large", x = round(rnorm(70), 4), y = round(rnorm(60, 0.4), 4)),
  list(id = "tied", x = rpois(12, 3), y = rpois(15, 4)),
  list(id = "tied-large", x = rpois(60, 3), y = rpois(55, 3)),
  list(id = "three-and-two", x = c(1.5, 2.5, 9), y = c(3.5, 11)),
  list(id = "far-apart", x = 1:20 + 0.25, y = 101:125))
two_groups <- function(s) {
  quiet <- suppressWarnings
  g <- factor(rep(1:2, c(length(s$x), length(s$y)))); v <- c(s$x, s$y)
  student <- t.test(s$x, s$y, var.equal = TRUE); welch <- t.test(s$x, s$y)
  w <- quiet(wilcox.test(s$x, s$y)); plain <- quiet(wilcox.test(s$x, s$y, exact = FALSE, correct = FALSE))
  corrected <- quiet(wilcox.test(s$x, s$y, exact = FALSE))
  exact <- if (length(v) < 40) c(pvalue(wilcox_test(v ~ g, distribution = "exact"))) else NULL
  c(s, list(student = c(student$statistic, student$parameter, student$p.value),
            welch = c(welch$statistic, welch$parameter, welch$p.value),
            u = unname(w$statistic), auto = w$p.value, uncorrected = plain$p.value,
            corrected = corrected$p.value, coin_exact = exact,
            smd = (mean(s$x) - mean(s$y)) / sqrt((var(s$x) + var(s$y)) / 2)))
}
several <- list(
  list(id = "three", groups = list(round(rnorm(9), 3), round(rnorm(12, 0.5), 3), round(rnorm(7, 1), 3))),
  list(id = "tied-four", groups = list(rpois(10, 2), rpois(8, 3), rpois(11, 2), rpois(6, 5))),
  list(id = "two", groups = list(c(1, 4, 2, 8), c(3, 9, 7))))
k_groups <- function(s) {
  v <- unlist(s$groups); g <- factor(rep(seq_along(s$groups), lengths(s$groups)))
  a <- oneway.test(v ~ g, var.equal = TRUE); k <- kruskal.test(v, g)
  c(s, list(anova = c(a$statistic, a$parameter, a$p.value), kruskal = c(k$statistic, k$parameter, k$p.value)))
}
tables <- list(
  list(id = "tea", table = matrix(c(3, 1, 1, 3), 2)),
  list(id = "small-2x2", table = matrix(c(12, 7, 5, 14), 2)),
  list(id = "near-tie-2x2", table = matrix(c(10, 2, 3, 15), 2)),
  list(id = "zero-cell", table = matrix(c(0, 6, 9, 4), 2)),
  list(id = "large-2x2", table = matrix(c(412, 388, 350, 460), 2)),
  list(id = "extreme-2x2", table = matrix(c(90, 2, 5, 80), 2)),
  list(id = "job-satisfaction", table = matrix(c(1, 2, 1, 0, 3, 3, 6, 1, 10, 10, 14, 9, 6, 7, 12, 11), 4)),
  list(id = "5x4-thirty", table = matrix(c(4, 0, 2, 1, 1, 3, 1, 2, 1, 0, 5, 1, 1, 2, 0, 3, 2, 1, 1, 2), 5)),
  list(id = "5x4-sixty", table = matrix(c(5, 2, 1, 6, 3, 4, 4, 1, 2, 2, 1, 7, 3, 0, 2, 3, 1, 6, 2, 5), 5)),
  list(id = "3x3-skewed", table = matrix(c(40, 3, 1, 35, 8, 2, 20, 1, 6), 3)),
  list(id = "2x5", table = matrix(c(8, 2, 5, 5, 3, 7, 0, 4, 6, 6), 2)),
  list(id = "6x2", table = matrix(c(8, 2, 5, 5, 3, 7, 0, 4, 6, 6, 9, 1), 6)),
  list(id = "diagonal", table = diag(5) * 4))
independence <- function(s) {
  quiet <- suppressWarnings; x <- quiet(chisq.test(s$table, correct = FALSE))
  yates <- quiet(chisq.test(s$table)); f <- fisher.test(s$table, workspace = 2e8)
  p <- t(s$table) / colSums(s$table); gap <- p[1, -1] - p[2, -1]
  one <- function(q) diag(q, length(q)) - tcrossprod(q)
  smd <- if (ncol(s$table) == 2 && all(s$table > 0))
    sqrt(c(gap %*% solve((one(p[1, -1]) + one(p[2, -1])) / 2) %*% gap)) else NULL
  c(s, list(chisq = c(x$statistic, x$parameter, x$p.value), expected = min(x$expected),
            yates = c(yates$statistic, yates$p.value), fisher = f$p.value, smd = smd))
}
meta <- list(R = R.version.string, coin = as.character(packageVersion("coin")))
cat(toJSON(list(meta = meta, two_groups = lapply(measurements, two_groups),
                k_groups = lapply(several, k_groups), tables = lapply(tables, independence)),
           digits = NA, auto_unbox = TRUE))
