# Rscript roc.R > ../roc.json   (AUC, DeLong, partial AUC, ROC points and best cuts by pROC)
suppressMessages({library(pROC); library(jsonlite)})
set.seed(20240416)
data(aSAH)
z <- qnorm(0.975)

make <- function(y, s) roc(y, s, direction = "<", levels = 0:1, quiet = TRUE)

hanley_mcneil <- function(a, m, n) {  # Radiology 1982; no package at hand offers it
  q1 <- a / (2 - a); q2 <- 2 * a^2 / (1 + a)
  v <- (a * (1 - a) + (m - 1) * (q1 - a^2) + (n - 1) * (q2 - a^2)) / (m * n)
  c(variance = v, low = max(0, a - z * sqrt(v)), high = min(1, a + z * sqrt(v)))
}

one <- function(y, s) {
  r <- make(y, s); a <- as.numeric(r$auc); v <- var(r, method = "delong")
  ci <- function(level) as.numeric(suppressWarnings(ci.auc(r, conf.level = level, method = "delong")))[c(1, 3)]
  logit <- plogis(qlogis(a) + c(-1, 1) * z * sqrt(v) / (a * (1 - a)))
  part <- function(range, focus, correct) {
    p <- suppressWarnings(auc(r, partial.auc = range, partial.auc.focus = focus,
                              partial.auc.correct = correct, allow.invalid.partial.auc.correct = TRUE))
    as.numeric(p)
  }
  ranges <- list(list("specificity", c(0.9, 1)), list("specificity", c(0.5, 0.75)),
                 list("sensitivity", c(0.8, 1)), list("sensitivity", c(0.35, 0.6)))
  partial <- lapply(ranges, function(x) list(over = x[[1]], low = x[[2]][1], high = x[[2]][2],
    raw = part(rev(x[[2]]), x[[1]], FALSE), corrected = part(rev(x[[2]]), x[[1]], TRUE)))
  at <- c(0, 0.1, 0.25, 0.5, 0.8, 0.9, 0.95, 1)
  best <- function(m, w = c(1, 0.5)) {
    b <- coords(r, "best", best.method = m, best.weights = w, transpose = FALSE,
                ret = c("threshold", "sensitivity", "specificity"))
    list(threshold = I(b$threshold), sensitivity = I(b$sensitivity), specificity = I(b$specificity))
  }
  list(y = y, score = s, auc = a, variance = v, delong95 = ci(0.95), delong90 = ci(0.9), logit = logit,
       hanley_mcneil = as.list(hanley_mcneil(a, sum(y == 1), sum(y == 0))), partial = partial,
       curve = list(sensitivity = r$sensitivities, specificity = r$specificities),
       at_specificity = list(specificity = at, sensitivity =
         coords(r, at, input = "specificity", ret = "sensitivity", transpose = FALSE)$sensitivity),
       best = list(youden = best("youden"), topleft = best("closest.topleft"),
                   cost3 = best("youden", c(3, mean(y)))))
}

pair <- function(y, a, b) {
  t <- roc.test(make(y, a), make(y, b), method = "delong", paired = TRUE)
  list(y = y, a = a, b = b, difference = unname(t$estimate[1] - t$estimate[2]), statistic = unname(t$statistic),
       p_value = t$p.value, interval = as.numeric(t$conf.int),
       covariance = cov(make(y, a), make(y, b), method = "delong"))
}

unpaired <- function(ya, a, yb, b) {
  t <- suppressWarnings(roc.test(make(ya, a), make(yb, b), method = "delong", paired = FALSE))
  list(y_a = ya, a = a, y_b = yb, b = b, difference = unname(t$estimate[1] - t$estimate[2]),
       statistic = unname(t$statistic), df = unname(t$parameter), p_value = t$p.value)
}

poor <- as.integer(aSAH$outcome == "Poor"); wfns <- as.integer(aSAH$wfns)
n <- 90; y <- rbinom(n, 1, 0.35); x <- rnorm(n)
smooth_a <- x + y + rnorm(n); smooth_b <- x + 0.6 * y + rnorm(n)
tied_a <- round(smooth_a); tied_b <- round(smooth_b)
small_y <- c(0, 0, 0, 1, 1, 1, 1); small_a <- c(1, 1, 2, 2, 2, 3, 3); small_b <- c(1, 2, 2, 1, 2, 3, 2)
other_y <- rbinom(60, 1, 0.5); other <- other_y + rnorm(60)

named <- function(id, x) c(list(id = id), x)
out <- list(
  meta = list(R = R.version.string, pROC = as.character(packageVersion("pROC"))),
  one = list(named("aSAH wfns", one(poor, wfns)), named("aSAH s100b", one(poor, aSAH$s100b)),
             named("aSAH ndka", one(poor, aSAH$ndka)), named("continuous", one(y, smooth_a)),
             named("heavily tied", one(y, tied_a)), named("seven patients", one(small_y, small_a)),
             named("worse than chance", one(y, -tied_a))),
  paired = list(named("aSAH wfns-s100b", pair(poor, wfns, aSAH$s100b)),
                named("aSAH wfns-ndka", pair(poor, wfns, aSAH$ndka)),
                named("continuous", pair(y, smooth_a, smooth_b)), named("heavily tied", pair(y, tied_a, tied_b)),
                named("seven patients", pair(small_y, small_a, small_b)),
                named("monotone transform", pair(y, smooth_a, exp(smooth_a)))),
  unpaired = list(named("aSAH wfns-ndka", unpaired(poor, wfns, poor, aSAH$ndka)),
                  named("two cohorts", unpaired(y, smooth_a, other_y, other)),
                  named("tied and small", unpaired(y, tied_b, small_y, small_a))))
cat(toJSON(out, digits = NA, auto_unbox = TRUE))
