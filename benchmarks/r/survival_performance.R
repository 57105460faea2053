# Rscript survival_performance.R FOLDER JOB COUNT REPEATS: one peer, timed by itself; JSON on stdout.
suppressMessages({library(survival); library(jsonlite)})
a <- commandArgs(TRUE); folder <- a[1]; job <- a[2]; count <- as.integer(a[3]); repeats <- as.integer(a[4])
column <- function(name) {f <- file.path(folder, paste0(name, ".bin")); readBin(f, "double", file.info(f)$size / 8)}
time <- column("time"); event <- column("event"); score <- column("score"); horizons <- column("horizons"); n <- length(time)
if (grepl("^score", job)) {suppressMessages(library(riskRegression)); data.table::setDTthreads(1)}
package <- if (grepl("^score", job)) "riskRegression" else "survival"
auc <- function(i, se) {
  Score(list(m = matrix(plogis(score[i]), length(i), length(horizons))), Surv(time, event) ~ 1, data.frame(time = time[i], event = event[i]),
        times = horizons, metrics = "auc", se.fit = se, conf.int = se, cens.model = "km", null.model = FALSE, summary = NULL)$AUC$score
}
calm <- function(i) tryCatch(auc(i, FALSE)$AUC, error = function(e) rep(NA, length(horizons)))
net_benefit <- function(risk, thresholds, t) sapply(thresholds, function(p) {
  pos <- risk >= p; if (!any(pos)) return(0)
  s <- summary(survfit(Surv(time[pos], event[pos]) ~ 1), times = t, extend = TRUE)$surv; mean(pos) * (1 - s) - mean(pos) * s * p / (1 - p)
})
work <- switch(job,
  concordance = function() {k <- concordance(Surv(time, event) ~ score, reverse = TRUE, timefix = FALSE); c(k$concordance, sqrt(k$var))},
  score = function() auc(seq_len(n), FALSE)$AUC,
  score_se = function() {s <- auc(seq_len(n), TRUE); c(s$AUC, s$se)},
  score_loop = function() {for (b in seq_len(count)) calm(sample.int(n, n, TRUE)); auc(seq_len(n), FALSE)$AUC},
  net_benefit = function() net_benefit(1 - exp(-exp(score)), column("thresholds"), horizons[6]))
set.seed(1); value <- work(); seconds <- Inf
for (k in seq_len(repeats)) {t0 <- Sys.time(); value <- work(); seconds <- min(seconds, as.numeric(Sys.time() - t0, units = "secs"))}
cat(toJSON(list(value = value, seconds = seconds, version = paste(package, packageVersion(package)), R = paste0(R.version$major, ".", R.version$minor)), digits = NA, auto_unbox = TRUE))
