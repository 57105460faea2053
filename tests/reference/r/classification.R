# Rscript classification.R > ../classification.json   (two-by-two tables, paired tests, Holm)
suppressMessages({library(epiR); library(jsonlite)}); set.seed(20240419)
z <- qnorm(0.975)
wilson <- function(x, n, level = 0.95) as.numeric(prop.test(x, n, conf.level = level, correct = FALSE)$conf.int)
exact <- function(x, n, level = 0.95) as.numeric(binom.test(x, n, conf.level = level)$conf.int)

proportions <- lapply(list(c(0, 5), c(5, 5), c(1, 7), c(3, 10), c(17, 40), c(500, 1000), c(2, 3000)), function(p)
  list(x = p[1], n = p[2], wilson = suppressWarnings(wilson(p[1], p[2])),
       wilson99 = suppressWarnings(wilson(p[1], p[2], 0.99)),
       exact = exact(p[1], p[2]), exact80 = exact(p[1], p[2], 0.8)))

square_and_add <- function(se, sp, m, n, f) {  # Newcombe 1998, method 10
  a <- f(se, m); b <- f(sp, n); s <- se / m; t <- sp / n
  c(s + t - 1 - sqrt((s - a[1])^2 + (t - b[1])^2), s + t - 1 + sqrt((a[2] - s)^2 + (b[2] - t)^2))
}
table_case <- function(tp, fp, fn, tn) {
  d <- as.table(matrix(c(tp, fn, fp, tn), 2)); m <- tp + fn; n <- fp + tn
  tests <- function(method) {
    e <- epi.tests(d, method = method)$detail
    get <- function(s) unlist(e[e$statistic == s, c("est", "lower", "upper")], use.names = FALSE)
    lapply(list(sensitivity = "se", specificity = "sp", ppv = "pv.pos", npv = "pv.neg", accuracy = "diag.ac",
                lr_positive = "lr.pos", lr_negative = "lr.neg", dor = "diag.or", youden_epi = "youden"), get)
  }
  j <- suppressWarnings(wilson(tp, tp + fp + fn))
  prev <- 0.07; se <- tp / m; sp <- tn / n
  lp <- qlogis(se * prev / (se * prev + (1 - sp) * (1 - prev))); vp <- (1 - se) / (m * se) + sp / (n * (1 - sp))
  ln <- qlogis(sp * (1 - prev) / (sp * (1 - prev) + (1 - se) * prev)); vn <- se / (m * (1 - se)) + (1 - sp) / (n * sp)
  list(cells = c(tp, fp, fn, tn), wilson = tests("wilson"), exact = tests("exact"),
       youden = suppressWarnings(square_and_add(tp, tn, m, n, wilson)),
       youden_exact = square_and_add(tp, tn, m, n, exact),
       f1 = c(2 * tp / (2 * tp + fp + fn), 2 * j / (1 + j)),
       prevalence = prev, ppv_at = plogis(lp + c(0, -1, 1) * z * sqrt(vp)),
       npv_at = plogis(ln + c(0, -1, 1) * z * sqrt(vn)))
}
tables <- list(table_case(40, 10, 10, 90), table_case(7, 3, 2, 11), table_case(150, 400, 12, 900),
               table_case(3, 1, 9, 8))

tango <- function(b, c, n) {
  s <- function(d) {
    A <- 2 * n; B <- -b - c + (2 * n - b + c) * d; C <- -c * d * (1 - d)
    q <- (sqrt(max(B^2 - 4 * A * C, 0)) - B) / (2 * A)
    v <- n * (2 * q + d * (1 - d)); g <- b - c - n * d
    if (v <= 0) sign(g) * (if (abs(g) < 1e-9) 0 else 1e9) else g / sqrt(v)
  }
  e <- (b - c) / n; k <- function(t, r) uniroot(function(d) s(d) - t, r, tol = 1e-15)$root
  c(if (e <= -1) -1 else k(z, c(-1 + 1e-12, e)), if (e >= 1) 1 else k(-z, c(e, 1 - 1e-12)))
}
mcnemar_case <- function(b, c, n) {
  k <- min(b, c); d <- b + c
  m <- matrix(c(n - d, c, b, 0), 2)
  list(only_a = b, only_b = c, n = n, exact = binom.test(b, d)$p.value,
       mid = if (b == c) 1 - dbinom(k, d, 0.5) / 2 else 2 * pbinom(k, d, 0.5) - dbinom(k, d, 0.5),
       asymptotic = unname(c(mcnemar.test(m, correct = FALSE)$statistic, mcnemar.test(m, correct = FALSE)$p.value)),
       corrected = unname(c(mcnemar.test(m)$statistic, mcnemar.test(m)$p.value)), tango = tango(b, c, n))
}
mcnemar <- list(mcnemar_case(10, 2, 50), mcnemar_case(0, 6, 20), mcnemar_case(5, 5, 30), mcnemar_case(1, 0, 9),
                mcnemar_case(120, 95, 1000), mcnemar_case(7, 1, 21), mcnemar_case(12, 0, 12))

scores <- function(y, a, b) {  # Kosinski 2013 from one row a (patient, model), with the robust Wald variance
  one <- function(y, a, b) {
    na <- sum(a); nb <- sum(b); p <- (sum(y[a == 1]) + sum(y[b == 1])) / (na + nb)
    pa <- mean(y[a == 1]); pb <- mean(y[b == 1]); both <- a == 1 & b == 1
    shared <- sum((y[both] - p)^2) / (na + nb)
    t <- (pa - pb)^2 / ((p * (1 - p) - 2 * shared) * (1 / na + 1 / nb))
    u <- a * (y - pa) / na - b * (y - pb) / nb
    c(pa - pb, t, pchisq(t, 1, lower.tail = FALSE), sqrt(sum(u^2)))
  }
  list(y = y, a = a, b = b, ppv = one(y, a, b), npv = one(1 - y, 1 - a, 1 - b))
}
y <- rbinom(80, 1, 0.4); a <- rbinom(80, 1, ifelse(y == 1, 0.8, 0.3)); b <- ifelse(runif(80) < 0.7, a, 1 - a)
cells <- expand.grid(b = 1:0, a = 1:0, y = 1:0)
paired <- cells[rep(1:8, c(319, 78, 22, 32, 31, 53, 22, 155)), ]
predictive <- list(scores(y, a, b), scores(paired$y, paired$a, paired$b))

p <- c(0.01, 0.04, 0.03, 0.005, 0.5, 0.04)
out <- list(meta = list(R = R.version.string, epiR = as.character(packageVersion("epiR"))),
            proportions = proportions, tables = tables, mcnemar = mcnemar, predictive = predictive,
            holm = list(list(p = p, adjusted = p.adjust(p, "holm")), list(p = I(0.2), adjusted = I(p.adjust(0.2, "holm")))))
cat(toJSON(out, digits = NA, auto_unbox = TRUE))
