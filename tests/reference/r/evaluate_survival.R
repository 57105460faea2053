# Rscript evaluate_survival.R > ../evaluate_survival.json
# A simulated time-to-event study of two models in three centres, and what survival and riskRegression say of each group.
suppressMessages({library(survival); library(riskRegression); library(prodlim); library(jsonlite)}); set.seed(20240416)
sizes <- c(north = 150, south = 90, east = 60); shift <- c(north = 0, south = 0.3, east = -0.5)
center <- rep(names(sizes), sizes); n <- length(center)
x <- rnorm(n); z <- rnorm(n)
t <- rexp(n, 0.12 * exp(shift[center] + 0.8 * x + 0.5 * z)); c <- runif(n, 1, 12)
study <- data.frame(
  id = sprintf("Q%03d", sample(n)), center = center, time = ceiling(100 * pmin(t, c)) / 100, event = as.integer(t <= c),
  cohort = ifelse(center == "north", "development", "validation"),
  lp_full = round(0.8 * x + 0.5 * z, 4), lp_part = round(0.9 * x, 4))
study$r_full <- round(1 - exp(-0.12 * 5 * exp(study$lp_full)), 4); study$r_part <- round(1 - exp(-0.13 * 5 * exp(study$lp_part)), 4)
cut <- function(m) median(study[study$cohort == "development", paste0("lp_", m)])

one <- function(d, m) {
  lp <- d[[paste0("lp_", m)]]; r <- d[[paste0("r_", m)]]
  cc <- concordance(Surv(time, event) ~ lp, d, reverse = TRUE)
  slope <- coxph(Surv(time, event) ~ lp, d, control = coxph.control(eps = 1e-12, iter.max = 50))
  km <- summary(survfit(Surv(time, event) ~ 1, d), times = 5)
  lr <- survdiff(Surv(time, event) ~ (lp > cut(m)), d)
  s <- Score(list(r), Surv(time, event) ~ 1, d, times = 5, metrics = "brier", null.model = FALSE, conf.int = TRUE)$Brier$score
  list(c_harrell = c(cc$concordance, sqrt(cc$var)), calibration_slope = c(coef(slope), sqrt(vcov(slope)[1])),
       oe_t = (1 - km$surv) / mean(r), brier_t = c(s$Brier, s$se), logrank = lr$chisq)
}
group <- function(label, d) {
  both <- concordance(coxph(Surv(time, event) ~ lp_full, d), coxph(Surv(time, event) ~ lp_part, d))
  v <- c(1, -1) %*% vcov(both) %*% c(1, -1)
  km <- summary(survfit(Surv(time, event) ~ 1, d, conf.type = "log-log"), times = 5)
  list(cohort = label[1], center = label[2], n = nrow(d), events = sum(d$event),
       survival_t = c(km$surv, km$std.err, km$lower, km$upper),
       models = list(full = one(d, "full"), part = one(d, "part")),
       difference = c(diff(rev(coef(both))), sqrt(v)))
}
# What the further keys of a protocol ask for, of the pooled validation cohort.
more <- function(d) {
  d$high <- as.integer(d$lp_full > cut("full")); d$center <- relevel(factor(d$center), "south")
  d$entry <- ifelse(rank(d$id) %% 3 == 1, floor(60 * d$time) / 100, 0)
  tight <- coxph.control(eps = 1e-12, iter.max = 50)
  adjusted <- coxph(Surv(time, event) ~ high + lp_part + center, d, control = tight)
  z <- cox.zph(adjusted)$table
  late <- coxph(Surv(entry, time, event) ~ lp_full, d, control = tight)
  km <- summary(survfit(Surv(entry, time, event) ~ 1, d, conf.type = "log-log"), times = 5)
  lc <- concordance(Surv(entry, time, event) ~ lp_full, d, reverse = TRUE)
  after <- d[d$time > 3, ]; after$time <- after$time - 3
  cc <- concordance(Surv(time, event) ~ lp_full, after, reverse = TRUE)
  list(logrank_stratified = survdiff(Surv(time, event) ~ high + strata(center), d)$chisq,
       cox = list(coef = unname(coef(adjusted)), se = unname(sqrt(diag(vcov(adjusted)))), chisq = unname(z[, 1]), p = unname(z[, 3]), lr = diff(2 * adjusted$loglik)),
       entry = list(entry = d$entry[order(d$id)], survival_t = c(km$surv, km$std.err, km$lower, km$upper), slope = unname(c(coef(late), sqrt(vcov(late)[1]))),
                    c_harrell = unname(c(lc$concordance, sqrt(lc$var))), zph = unname(cox.zph(late)$table["GLOBAL", 1])),
       landmark = list(n = nrow(after), c_harrell = unname(c(cc$concordance, sqrt(cc$var))), logrank = survdiff(Surv(time, event) ~ high, after)$chisq))
}
part <- function(v) study[study$center %in% v, ]
groups <- list(group(c("development", "all"), part("north")), group(c("validation", "all"), part(c("south", "east"))),
               group(c("validation", "south"), part("south")), group(c("validation", "east"), part("east")))
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")), riskRegression = as.character(packageVersion("riskRegression")))
cat(toJSON(list(meta = meta, study = study, groups = groups, more = more(part(c("south", "east")))), digits = NA, auto_unbox = TRUE, dataframe = "columns"))
