# Rscript evaluate_horizons.R > ../evaluate_horizons.json
# The study of evaluate_survival.json once more, with risks at two horizons and a grade of three categories: limits and
# quantiles of the curves, outcome of the risk groups, censoring weights, paired differences, hazard ratios of a category.
suppressMessages({library(survival); library(riskRegression); library(prodlim); library(jsonlite)}); options(digits = 15)
study <- as.data.frame(fromJSON("../evaluate_survival.json")$study)
study$r_full_3 <- round(1 - exp(-0.12 * 3 * exp(study$lp_full)), 4); study$r_part_3 <- round(1 - exp(-0.13 * 3 * exp(study$lp_part)), 4)
study$grade <- c("A", "B", "C")[rank(study$id) %% 3 + 1]; at <- 0.3; horizons <- c(3, 5); tight <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
cut <- median(study$lp_full[study$cohort == "development"]); d <- study[study$cohort == "validation", ]; d$high <- as.integer(d$lp_full > cut)

limits <- lapply(c(plain = "plain", log = "log", `log-log` = "log-log"), function(scale) {
  fit <- survfit(Surv(time, event) ~ 1, d, conf.type = scale); km <- summary(fit, times = 5); q <- quantile(fit, c(0.1, 0.25, 0.5))
  back <- quantile(survfit(Surv(time, 1 - event) ~ 1, d, conf.type = scale), 0.5)
  list(survival_t = c(km$surv, km$std.err, km$lower, km$upper), quantiles = cbind(q$quantile, q$lower, q$upper),
       follow_up = c(back$quantile, back$lower, back$upper))
})
one <- function(rows) {
  fit <- survfit(Surv(time, event) ~ 1, d[rows, ], conf.type = "log-log")
  list(survival_t = t(sapply(horizons, function(h) { s <- summary(fit, times = h); c(s$surv, s$std.err, s$lower, s$upper) })),
       rmst = t(sapply(horizons, function(h) summary(fit, rmean = h)$table[c("rmean", "se(rmean)")])),
       median = unlist(quantile(fit, 0.5)[c("quantile", "lower", "upper")]))
}
groups <- list(low = one(d$high == 0), high = one(d$high == 1))
weights <- t(sapply(horizons, function(h) {
  g <- prodlim(Hist(time, event) ~ 1, d[order(d$time, -d$event), ], reverse = TRUE); o <- order(order(d$time, -d$event))
  own <- predictSurvIndividual(g, lag = 1)[o]; late <- predict(g, times = h, level.chaos = 1)
  w <- ifelse(d$time <= h, d$event / own, 1 / late); c(mean(w), max(w), sum(w > 0))
}))
curve <- function(rows, h) 1 - summary(survfit(Surv(time, event) ~ 1, d[rows, ]), times = h, extend = TRUE)$surv
benefit <- function(r, h) { p <- mean(r >= at); f <- curve(r >= at, h); p * f - p * (1 - f) * at / (1 - at) }
pairs <- t(sapply(horizons, function(h) {
  a <- if (h == 3) d$r_full_3 else d$r_full; b <- if (h == 3) d$r_part_3 else d$r_part
  s <- Score(list(a = a, b = b), Surv(time, event) ~ 1, d, times = h, metrics = "brier", summary = "ipa", null.model = TRUE, conf.int = FALSE)$Brier$score
  x <- function(what, who) s[[what]][s$model == who]
  c(x("Brier", "a") - x("Brier", "b"), x("IPA", "a") - x("IPA", "b"), benefit(a, h) - benefit(b, h))
}))
d$grade <- relevel(factor(d$grade), "B")
alone <- coxph(Surv(time, event) ~ grade, d, control = tight); beside <- coxph(Surv(time, event) ~ high + grade, d, control = tight)
without <- droplevels(d[d$grade != "B", ]); rest <- coxph(Surv(time, event) ~ high + grade, without, control = tight); z <- cox.zph(rest)$table
cox <- list(unadjusted = unname(coef(alone)), adjusted = unname(coef(beside)), zph = unname(cox.zph(beside)$table[, 1]),
            without = list(coef = unname(coef(rest)["high"]), se = unname(sqrt(vcov(rest)["high", "high"])), zph = unname(z[, 1]), zph_df = unname(z[, 2]),
                           lr = diff(2 * rest$loglik)))
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")), riskRegression = as.character(packageVersion("riskRegression")),
             prodlim = as.character(packageVersion("prodlim")))
more <- study[, c("id", "r_full_3", "r_part_3", "grade")]
cat(toJSON(list(meta = meta, horizons = horizons, threshold = at, more = more, limits = limits, groups = groups, weights = weights, pairs = pairs, cox = cox),
           digits = NA, auto_unbox = TRUE, dataframe = "columns"))
