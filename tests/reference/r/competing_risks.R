# Rscript competing_risks.R > ../competing_risks.json : survfit multi-state and cmprsk::cuminc
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
RNGversion("4.2.0"); set.seed(20240416)
draw <- function(n, levels, groups = 2, causes = 2) { g <- sample(groups, n, TRUE)
  list(time = pmin(ceiling(levels * rexp(n) * (0.6 + 0.2 * g)), 3 * levels), cause = sample(0:causes, n, TRUE, c(0.3, rep(0.7 / causes, causes))), group = g) }
id <- function(id, x, ...) c(list(id = id), x, list(...))
mg <- with(mgus2, list(time = ifelse(pstat == 1, ptime, futime), cause = ifelse(pstat == 1, 1, 2 * death), group = as.character(sex)))
studies <- list(
  id("mgus2-200", lapply(mg, `[`, seq(1, 1384, 7))),
  id("tied", draw(60, 5)), id("heavy-ties", draw(80, 2, 3)), id("three-causes", draw(90, 12, 3, 3)),
  id("untied", local({ x <- draw(70, 5, 2); x$time <- round(x$time + runif(70), 4); x })),
  id("stratified", local({ x <- draw(120, 8, 3); x$strata <- sample(2, 120, TRUE); x })),
  id("small", list(time = c(1, 2, 3, 4, 5, 6), cause = c(1, 2, 1, 1, 0, 2), group = c("A", "A", "B", "A", "B", "B"))),
  id("one-cause", list(time = c(1, 2, 2, 3, 5, 6, 7), cause = c(1, 0, 1, 1, 0, 1, 1), group = c(1, 1, 2, 2, 1, 2, 1))))
mat <- function(x) unname(as.matrix(x))
reference <- function(s) {
  k <- max(s$cause); f <- factor(s$cause, 0:k)
  fits <- lapply(c("plain", "log", "log-log"), function(type) {
    fit <- survfit(Surv(s$time, f) ~ 1, conf.type = type, timefix = FALSE)
    list(type = type, lower = mat(fit$lower), upper = mat(fit$upper))
  })
  fit <- survfit(Surv(s$time, f) ~ 1, timefix = FALSE)
  # survfit has one state a cause, "(s0)" first; with one cause and 0/1 codes it would be a plain curve
  s$curve <- list(time = fit$time, pstate = mat(fit$pstate), std_error = mat(fit$std.err), limits = fits,
    at_risk = fit$n.risk[, 1], n_event = mat(fit$n.event[, -1, drop = FALSE]), n_censor = rowSums(as.matrix(fit$n.censor)))
  s$gray <- lapply(c(0, 0.5, 1), function(rho) {
    test <- if (is.null(s$strata)) cuminc(s$time, s$cause, s$group, rho = rho)$Tests
            else cuminc(s$time, s$cause, s$group, s$strata, rho = rho)$Tests
    list(rho = rho, cause = as.integer(rownames(test)), statistic = unname(test[, "stat"]), df = unname(test[, "df"]))
  })
  s
}
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")), cmprsk = as.character(packageVersion("cmprsk")))
cat(toJSON(list(meta = meta, cases = lapply(studies, reference)), digits = NA, auto_unbox = TRUE, na = "null"))
