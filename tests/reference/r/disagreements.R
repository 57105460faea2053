# Rscript disagreements.R > ../disagreements.json : the sides of R where packages disagree (docs/agreement-notes.md)
suppressMessages({library(survival); library(riskRegression); library(rms); library(pROC); library(jsonlite)})
RNGversion("4.2.0"); set.seed(20240416)
full <- na.omit(lung[, c("time", "status", "age", "sex", "ph.ecog")]); full$event <- full$status - 1
vet <- data.frame(veteran, event = veteran$status, adeno = 1 * (veteran$celltype == "adeno"))
mean_of <- function(time, event, tau) { s <- summary(survfit(Surv(time, event) ~ 1), rmean = tau)$table; list(time = time, event = event, tau = tau, rmst = s[["rmean"]], variance = s[["se(rmean)"]]^2) }

# survival >= 3 has a score test of each term; before, cox.zph had Grambsch and Therneau's approximation, one variance for all times
zph <- function(fit, d) lapply(c(km = "km", rank = "rank", identity = "identity"), function(transform) {
  now <- cox.zph(fit, transform = transform)
  r <- resid(fit, "schoenfeld"); scaled <- r %*% vcov(fit) * nrow(r); g <- now$x - mean(now$x)
  before <- drop(g %*% scaled)^2 / (diag(vcov(fit)) * nrow(r) * sum(g^2))
  list(names = rownames(now$table), chisq = now$table[, "chisq"], before = before)
})
both <- list(lung = list(d = full, x = c("age", "sex", "ph.ecog")), veteran = list(d = vet, x = c("karno", "age", "adeno")))
ph <- lapply(both, function(s) {
  fit <- coxph(reformulate(s$x, "Surv(time, event)"), s$d)
  # a third witness: likelihood ratio of the product with time
  ratio <- sapply(s$x, function(x) 2 * (coxph(as.formula(paste("Surv(time, event) ~", paste(s$x, collapse = " + "), "+ tt(", x, ")")), s$d, tt = function(x, t, ...) x * t)$loglik[2] - fit$loglik[2]))
  list(time = s$d$time, event = s$d$event, x = as.list(s$d[s$x]), zph = zph(fit, s$d), likelihood_ratio = unname(ratio))
})

near <- c(1, 1 + 1e-10, 2, 3); status <- c(1, 1, 0, 1)
fits <- lapply(c(TRUE, FALSE), function(fix) survfit(Surv(near, status) ~ 1, timefix = fix))

perfect <- suppressWarnings(as.numeric(ci.auc(roc(c(0, 0, 0, 1, 1, 1), 1:6, quiet = TRUE, direction = "<"))))

five <- function(d) data.frame(time = pmin(d$t, 5), event = 1 * (d$e == 1 & d$t <= 5), nodes = pmin(d$nodes, 19), grade = d$grade)
rot <- five(with(rotterdam, data.frame(t = round(pmin(rtime, dtime) / 365.25, 4), e = 1 * (recur == 1 | death == 1), nodes, grade)))
gb <- five(with(gbsg, data.frame(t = round(rfstime / 365.25, 4), e = status, nodes, grade = pmin(pmax(grade, 2), 3))))
cox <- coxph(Surv(time, event) ~ nodes + grade, rot, x = TRUE)
risk <- 1 - c(summary(survfit(cox, newdata = gb, se.fit = FALSE), times = 4.99)$surv)
s <- Score(list(matrix(risk)), Surv(time, event) ~ 1, gb, times = 4.99, metrics = c("brier", "auc"), null.model = FALSE, cens.model = "km")

p <- plogis(rnorm(400, -0.5, 1.2)); y <- rbinom(400, 1, plogis(0.3 + 0.7 * qlogis(p)))
off <- function(curve) mean(abs(curve - p))
smooth <- function(...) approx(lowess(p, y, ...), xout = p, ties = "ordered")$y
loess_of <- function(surface) fitted(loess(y ~ p, control = loess.control(surface = surface)))
ici <- list(val_prob = val.prob(p, y, pl = FALSE)[["Eavg"]], lowess_0 = off(smooth(iter = 0)), lowess_3 = off(smooth(iter = 3)),
            direct = off(loess_of("direct")), interpolate = off(loess_of("interpolate")))
fair <- rbinom(400, 1, p)  # where predictions are right the index is small and the interpolation of loess matters
fair_ici <- sapply(c(direct = "direct", interpolate = "interpolate"), function(surface) off(fitted(loess(fair ~ p, control = loess.control(surface = surface)))))
birth <- MASS::birthwt; fb <- fitted(glm(low ~ age + lwt + factor(race) + smoke, binomial, birth))
hl <- function(type) { g <- cut(fb, unique(quantile(fb, 0:10 / 10, type = type)), include.lowest = TRUE); o <- tapply(birth$low, g, sum); e <- tapply(fb, g, sum); n <- table(g); sum((o - e)^2 / (e * (1 - e / n))) }
types <- sapply(c(type_2 = 2, type_6 = 6, type_7 = 7), hl)

ecog <- with(full, list(time = time, event = event, marker = ph.ecog + age / 100))
f <- coxph(Surv(time, event) ~ marker, ecog, ties = "breslow"); h <- 365
s365 <- c(summary(survfit(f, newdata = data.frame(marker = ecog$marker), se.fit = FALSE), times = h)$surv)
benefit <- function(r, pt) { high <- r >= pt; e <- 1 - summary(survfit(Surv(time, event) ~ 1, full[high, ]), times = h, extend = TRUE)$surv; mean(high) * (e - (1 - e) * pt / (1 - pt)) }
m <- plogis(rnorm(5000, -2)); o <- rbinom(5000, 1, m)
area <- list(lrm = lrm(o ~ qlogis(m))$stats[["C"]], val_prob = val.prob(m, o, pl = FALSE)[["C (ROC)"]], exact = as.numeric(auc(roc(o, m, quiet = TRUE, direction = "<"))))
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")), riskRegression = as.character(packageVersion("riskRegression")), rms = as.character(packageVersion("rms")), pROC = as.character(packageVersion("pROC")))
cat(toJSON(list(meta = meta,
  rmst = list(lung = mean_of(lung$time, lung$status - 1, 365), veteran = mean_of(veteran$time, veteran$status, 200)), ph = ph,
  timefix = list(time = near, event = status, fixed = fits[[1]]$surv, exact = fits[[2]]$surv),
  perfect = perfect,
  weights = list(development = rot[c("time", "event")], time = gb$time, event = gb$event, risk = risk, horizon = 4.99, brier = s$Brier$score$Brier, auc = s$AUC$score$AUC),
  calibration = list(y = y, p = p, ici = ici, fair = fair, fair_ici = as.list(fair_ici)),
  hosmer_lemeshow = c(list(y = birth$low, p = unname(fb)), as.list(types)),
  area = area,
  decision = c(ecog, list(horizon = h, threshold = 0.5, survival = s365, as_survival = benefit(s365, 0.5), as_risk = benefit(1 - s365, 0.5)))),
  digits = NA, auto_unbox = TRUE, dataframe = "columns"))
