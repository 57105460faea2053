# Rscript evaluate.R > ../evaluate.json
# A simulated study of two models in four centres, and what pROC, rms and glm say of each group.
suppressMessages({library(pROC); library(rms); library(jsonlite)}); set.seed(20240416)
sizes <- c(north = 160, south = 90, east = 70, west = 60)
shift <- c(north = 0, south = 0.5, east = -0.6, west = 1.8)
center <- rep(names(sizes), sizes); n <- length(center)
x <- rnorm(n); z <- rnorm(n)
y <- rbinom(n, 1, plogis(shift[center] + 1.1 * x + 0.7 * z))
study <- data.frame(
  patient = sprintf("Q%03d", sample(n)), center = center, y = y,
  cohort = ifelse(center == "north", "development", "validation"),
  small = round(plogis(1.3 * x), 4), full = round(plogis(1.0 * x + 0.8 * z), 4))
models <- c("small", "full")

hosmer_lemeshow <- function(y, p, g) { # groups by type-7 quantiles of risk, ties merged
  cuts <- unique(quantile(p, seq(0, 1, length.out = g + 1)))
  group <- cut(p, cuts, include.lowest = TRUE)
  o <- tapply(y, group, sum); e <- tapply(p, group, sum); m <- tapply(y, group, length)
  c(sum((o - e)^2 / (e * (1 - e / m))), nlevels(group))
}
one <- function(d, name, external) {
  y <- d$y; p <- d[[name]]; lp <- qlogis(p)
  r <- roc(y, p, direction = "<", levels = 0:1); ci <- ci.auc(r, method = "delong")
  tight <- glm.control(epsilon = 1e-15, maxit = 100)
  a <- glm(y ~ offset(lp), family = binomial, control = tight); b <- glm(y ~ lp, family = binomial, control = tight)
  wald <- function(f, i) { s <- coef(summary(f))[i, 1:2]; unname(c(s, s[1] + c(-1, 1) * qnorm(.975) * s[2])) }
  profile <- function(f, with_slope) { # where the deviance has risen by the chi-square quantile
    best <- tail(coef(f), 1); se <- tail(sqrt(diag(vcov(f))), 1)
    rise <- function(b) {
      d <- if (with_slope) glm(y ~ offset(b * lp), family = binomial, control = tight)$deviance
           else -2 * sum(dbinom(y, 1, plogis(lp + b), log = TRUE))
      d - f$deviance - qchisq(.95, 1)
    }
    side <- function(s) uniroot(rise, sort(c(best + s * .5 * se, best + s * 6 * se)), tol = 1e-12)$root
    unname(c(side(-1), side(1)))
  }
  gof <- residuals(lrm(y ~ lp, x = TRUE, y = TRUE, eps = 1e-13, maxit = 100), "gof")
  distances <- function(curve) { d <- abs(curve - p); unname(c(mean(d), quantile(d, c(.5, .9)), max(d))) }
  smooth <- loess(y ~ p, control = loess.control(surface = "direct"))
  spline <- rcspline.eval(lp, nk = 5, inclx = TRUE, norm = 2)
  curved <- glm(y ~ spline, family = binomial, control = tight)
  v <- val.prob(p, y, pl = FALSE)
  hl <- hosmer_lemeshow(y, p, 10); df <- if (external) hl[2] else hl[2] - 2
  list(auc = c(r$auc, sqrt(var(r, method = "delong")), ci[1], ci[3]),
       calibration_intercept = wald(a, 1), calibration_slope = wald(b, 2),
       calibration_intercept_profile = profile(a, FALSE), calibration_slope_profile = profile(b, TRUE),
       le_cessie = unname(gof["Z"]), le_cessie_p = unname(gof["P"]),
       distances = list(loess = distances(fitted(smooth)),
                        rcs = if (max(abs(curved$linear.predictors)) < 1e4) distances(fitted(curved)) else rep(NA, 4), # separated
                        lowess = distances(approx(lowess(p, y, iter = 0), xout = p, ties = mean)$y)),
       oe_ratio = sum(y) / sum(p), brier = mean((p - y)^2), brier_val_prob = unname(v["Brier"]),
       brier_scaled = 1 - mean((p - y)^2) / (mean(y) * (1 - mean(y))),
       hosmer_lemeshow = hl[1], hosmer_lemeshow_df = df,
       hosmer_lemeshow_p = pchisq(hl[1], df, lower.tail = FALSE))
}
group <- function(label, d, external) {
  t <- roc.test(roc(d$y, d$small, direction = "<", levels = 0:1), roc(d$y, d$full, direction = "<", levels = 0:1),
                method = "delong", paired = TRUE)
  list(cohort = label[1], center = label[2], n = nrow(d), events = sum(d$y),
       models = setNames(lapply(models, function(m) one(d, m, external)), models),
       delong = unname(c(t$estimate[1] - t$estimate[2], t$conf.int[1], t$conf.int[2], t$statistic, t$p.value)))
}
part <- function(v) study[study$center %in% v, ]
groups <- list(group(c("development", "all"), part("north"), FALSE), group(c("validation", "all"), part(c("south", "east", "west")), TRUE),
               group(c("validation", "south"), part("south"), TRUE), group(c("validation", "east"), part("east"), TRUE),
               group(c("validation", "west"), part("west"), TRUE))
meta <- list(R = R.version.string, pROC = as.character(packageVersion("pROC")), rms = as.character(packageVersion("rms")))
cat(toJSON(list(meta = meta, study = study, groups = groups), digits = NA, auto_unbox = TRUE, dataframe = "columns", na = "null"))
