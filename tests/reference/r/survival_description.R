# Rscript survival_description.R > ../survival_description.json : survfit, quantile, survdiff, coin, rmean
suppressMessages({library(survival); library(coin); library(jsonlite)})
RNGversion("4.2.0"); set.seed(20240416)
clean <- function(x) as.numeric(x)
tied <- function(n, levels = 9) data.frame(time = sample(levels, n, TRUE), event = rbinom(n, 1, 0.6))
late <- function(n) { entry <- sample(0:4, n, TRUE); data.frame(entry, time = entry + sample(6, n, TRUE), event = rbinom(n, 1, 0.6)) }

studies <- list(
  list(id = "lung", time = lung$time, event = lung$status - 1),
  list(id = "veteran", time = veteran$time, event = veteran$status),
  list(id = "lung-women-90", time = lung$time[lung$sex == 2], event = lung$status[lung$sex == 2] - 1, level = 0.9),
  c(list(id = "tied"), as.list(tied(40))),
  c(list(id = "tied-few"), as.list(tied(7, 4))),
  list(id = "zero-time", time = c(0, 0, 1, 2, 2, 3), event = c(1, 0, 0, 1, 1, 0)),
  list(id = "half", time = c(1, 2, 3, 4), event = c(1, 1, 0, 0)),
  list(id = "ends-with-event", time = c(2, 4, 6, 8, 9), event = c(1, 0, 1, 1, 1)),
  list(id = "no-event", time = c(1, 2, 3), event = c(0, 0, 0)),
  list(id = "nearly-equal", time = c(1, 1 + 1e-10, 2, 3), event = c(1, 1, 0, 1)),
  c(list(id = "weighted"), as.list(tied(30)), list(weights = sample(0:4, 30, TRUE))),
  c(list(id = "fractional-weights"), as.list(tied(30)), list(weights = round(runif(30, 0.2, 3), 2))),
  c(list(id = "left-truncated"), as.list(late(60))))
curve <- function(s) {
  level <- if (is.null(s$level)) 0.95 else s$level
  w <- if (is.null(s$weights)) rep(1, length(s$time)) else s$weights
  y <- if (is.null(s$entry)) Surv(s$time, s$event) else Surv(s$entry, s$time, s$event)
  keep <- w > 0; y <- y[keep]; w <- w[keep]
  probs <- c(0.1, 0.25, 0.5, 0.75)
  by_type <- lapply(c("plain", "log", "log-log"), function(type) {
    fit <- survfit(y ~ 1, weights = w, conf.type = type, conf.int = level, robust = FALSE, timefix = FALSE)
    q <- quantile(fit, probs)
    list(type = type, lower = fit$lower, upper = fit$upper, quantile = clean(q$quantile),
         quantile_lower = clean(q$lower), quantile_upper = clean(q$upper))
  })
  fit <- survfit(y ~ 1, weights = w, robust = FALSE, timefix = FALSE)
  at <- unique(c(0, quantile(s$time, c(0.2, 0.5, 0.8), names = FALSE, type = 1)))
  s$level <- level
  out <- c(s, list(distinct = fit$time, survival = fit$surv, std_error = fit$surv * fit$std.err, at_risk = fit$n.risk,
            n_event = fit$n.event, n_censor = fit$n.censor, probs = probs, types = by_type,
            at = at, at_risk_at = summary(fit, times = at, extend = TRUE)$n.risk))
  if (is.null(s$entry) && is.null(s$weights)) {
    reverse <- survfit(Surv(s$time, 1 - s$event) ~ 1, conf.type = "log-log", conf.int = level, timefix = FALSE)
    tau <- as.numeric(quantile(s$time, 0.7, type = 1))
    q <- quantile(reverse, 0.5)
    out <- c(out, list(reverse_survival = reverse$surv, reverse_median = clean(unlist(q)), tau = tau,
             rmean = unname(summary(fit, rmean = tau)$table[c("rmean", "se(rmean)")])))
  }
  out
}

full <- lung[!is.na(lung$ph.ecog), ]
crowd <- data.frame(tied(80), group = sample(c("a", "b", "c", "d"), 80, TRUE), layer = sample(3, 80, TRUE))
tests <- list(
  list(id = "lung-sex", time = lung$time, event = lung$status - 1, group = lung$sex),
  list(id = "lung-ecog", time = full$time, event = full$status - 1, group = full$ph.ecog),
  list(id = "lung-sex-by-ecog", time = full$time, event = full$status - 1, group = full$sex, strata = full$ph.ecog),
  list(id = "veteran-celltype", time = veteran$time, event = veteran$status, group = as.character(veteran$celltype)),
  list(id = "tied-four", time = crowd$time, event = crowd$event, group = crowd$group),
  list(id = "tied-four-strata", time = crowd$time, event = crowd$event, group = crowd$group, strata = crowd$layer),
  list(id = "one-group-never-exposed", time = c(1, 1, 5, 6, 7, 8, 9), event = c(0, 0, 1, 1, 1, 0, 1), group = c(1, 1, 2, 2, 3, 3, 3)),
  list(id = "small", time = c(1, 2, 3, 3, 5, 6, 7, 8), event = c(1, 1, 1, 0, 1, 0, 1, 1), group = c(1, 1, 2, 1, 2, 2, 2, 2)))
compare <- function(s) {
  d <- data.frame(time = s$time, event = s$event, group = factor(s$group))
  rho <- c(0, 0.5, 1)
  s$survdiff <- lapply(rho, function(r) {
    fit <- if (is.null(s$strata)) survdiff(Surv(time, event) ~ group, d, rho = r)
           else survdiff(Surv(time, event) ~ group + strata(s$strata), d, rho = r)
    tot <- function(x) if (is.matrix(x)) rowSums(x) else x
    list(rho = r, statistic = fit$chisq, p_value = fit$pvalue, observed = tot(fit$obs), expected = tot(fit$exp), variance = fit$var)
  })
  if (is.null(s$strata)) {
    types <- c("logrank", "Gehan-Breslow", "Tarone-Ware", "Prentice-Marek", "Fleming-Harrington")
    s$coin <- lapply(types, function(type) {
      args <- if (type == "Fleming-Harrington") list(rho = 0.5, gamma = 1) else list()
      t <- do.call(logrank_test, c(list(Surv(time, event) ~ group, data = d, type = type), args))
      quadratic <- do.call(independence_test, list(Surv(time, event) ~ group, data = d, teststat = "quadratic",
        ytrafo = function(data) trafo(data, surv_trafo = function(y) do.call(logrank_trafo, c(list(y, weight = function(...)
          do.call(logrank_weight, c(list(..., type = type), args))))))))
      list(type = type, difference = -as.numeric(statistic(t, "linear") - expectation(t)), quadratic = as.numeric(statistic(quadratic)))
    })
    if (s$id == "small") s$exact <- lapply(types, function(type) {
      args <- if (type == "Fleming-Harrington") list(rho = 0.5, gamma = 1) else list()
      list(type = type, p_value = as.numeric(pvalue(do.call(logrank_test, c(list(Surv(time, event) ~ group, data = d,
        type = type, distribution = "exact"), args)))))
    })
    # trend: scores 1, 2, ... by the definition, from survdiff's own observed, expected and variance
    fit <- survdiff(Surv(time, event) ~ group, d); score <- seq_along(fit$obs)
    u <- sum(score * (fit$obs - fit$exp)); s$trend <- u^2 / as.numeric(t(score) %*% fit$var %*% score)
    levels_ <- levels(d$group); pairs <- combn(length(levels_), 2)
    raw <- apply(pairs, 2, function(ij) tryCatch({
      part <- droplevels(d[d$group %in% levels_[ij], ]); survdiff(Surv(time, event) ~ group, part)$pvalue },
      error = function(e) NA))
    s$pairwise <- list(raw = raw, holm = p.adjust(raw, "holm"))
  }
  s
}
rmst_pair <- function(d, tau) {
  t <- summary(survfit(Surv(time, event) ~ group, d), rmean = tau)$table
  m <- t[, "rmean"]; se <- t[, "se(rmean)"]
  ratio_se <- sqrt((se[1] / m[1])^2 + (se[2] / m[2])^2)
  list(time = d$time, event = d$event, group = d$group, tau = tau, rmst = unname(m), se = unname(se),
       difference = unname(m[1] - m[2]), difference_se = unname(sqrt(sum(se^2))), log_ratio = unname(log(m[1] / m[2])), log_ratio_se = unname(ratio_se))
}
pairs_ <- list(rmst_pair(data.frame(time = lung$time, event = lung$status - 1, group = lung$sex), 365),
               rmst_pair(data.frame(time = crowd$time, event = crowd$event, group = as.integer(crowd$group < "c")), 6))
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")), coin = as.character(packageVersion("coin")))
cat(toJSON(list(meta = meta, curves = lapply(studies, curve), tests = lapply(tests, compare), rmst = pairs_),
           digits = NA, auto_unbox = TRUE, na = "null"))
