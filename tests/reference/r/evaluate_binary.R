# Rscript evaluate_binary.R > ../evaluate_binary.json
# What pROC, epiR, Hmisc and the binomial say of the study of evaluate.json, for every option of a protocol.
suppressMessages({library(pROC); library(epiR); library(Hmisc); library(jsonlite)})
study <- as.data.frame(fromJSON("../evaluate.json")$study); models <- c("small", "full")
curve <- function(d, m) roc(d$y, d[[m]], direction = "<", levels = 0:1)
development <- study[study$cohort == "development", ]
threshold <- sapply(models, function(m) { # the observed score just above pROC's cut
  cut <- max(coords(curve(development, m), "best", best.method = "youden", transpose = FALSE)$threshold)
  min(development[[m]][development[[m]] > cut]) })
at <- 0.45; odds <- at / (1 - at); z <- qnorm(.975)

one <- function(d, m) {
  r <- curve(d, m); v <- var(r, method = "delong"); a <- as.numeric(auc(r)); s <- sqrt(v) / (a * (1 - a))
  up <- d[[m]] >= threshold[m]
  cells <- c(sum(up & d$y == 1), sum(up & d$y == 0), sum(!up & d$y == 1), sum(!up & d$y == 0))
  names <- c(sensitivity = "se", specificity = "sp", ppv = "pv.pos", npv = "pv.neg", accuracy = "diag.ac",
             lr_positive = "lr.pos", lr_negative = "lr.neg", dor = "diag.or")
  table <- function(how) { e <- epi.tests(cells, method = how)$detail
    lapply(names, function(n) unlist(e[e$statistic == n, c("est", "lower", "upper")], use.names = FALSE)) }
  se <- cells[1] / (cells[1] + cells[3]); sp <- cells[4] / (cells[2] + cells[4])
  call <- d[[m]] >= at; gain <- ifelse(call, ifelse(d$y == 1, 1, -odds), 0)
  rate <- mean(d$y); nb <- mean(gain)
  wald <- function(value, part) value + c(0, -1, 1) * z * sd(part) / sqrt(length(part))
  list(auc_logit = c(a, plogis(qlogis(a) + c(-1, 1) * z * s)),
       pauc = as.numeric(auc(r, partial.auc = c(1, .8))),
       pauc_corrected = as.numeric(auc(r, partial.auc = c(1, .8), partial.auc.correct = TRUE)),
       threshold = unname(threshold[m]), exact = table("exact"), wilson = table("wilson"),
       ppv_at = se * .1 / (se * .1 + (1 - sp) * .9), npv_at = sp * .9 / (sp * .9 + (1 - se) * .1),
       net_benefit = wald(nb, gain), net_benefit_standardized = wald(nb / rate, (gain - nb / rate * d$y) / rate),
       interventions_avoided = wald((nb - (rate - odds * (1 - rate))) / odds, (gain - ifelse(d$y == 1, 1, -odds)) / odds))
}
two <- function(d) { # small minus full
  up <- lapply(models, function(m) d[[m]] >= threshold[m]); names(up) <- models
  discordant <- function(k) { a <- sum(up$small[d$y == k] & !up$full[d$y == k]); b <- sum(!up$small[d$y == k] & up$full[d$y == k])
    n <- a + b; exact <- if (n) binom.test(a, n)$p.value else 1
    mid <- if (a == b) 1 - dbinom(a, n, .5) / 2 else exact - dbinom(a, n, .5)
    list(difference = (if (k == 1) 1 else -1) * (a - b) / sum(d$y == k), exact = exact, mid = mid) }
  free <- improveProb(d$full, d$small, d$y); cut <- improveProb((d$full >= at) / 2, (d$small >= at) / 2, d$y)
  t <- roc.test(curve(d, "small"), curve(d, "full"), method = "delong", paired = TRUE)
  list(auc = unname(c(t$statistic, t$p.value)), sensitivity = discordant(1), specificity = discordant(0),
       nri_continuous = free$nri, nri_continuous_events = free$nri.ev, nri_continuous_nonevents = free$nri.ne,
       nri_categorical = cut$nri, idi = c(free$idi, free$z.idi))
}
apart <- function(d, e, m) { t <- roc.test(curve(d, m), curve(e, m), method = "delong", paired = FALSE)
  unname(c(t$statistic, t$parameter, t$p.value)) }
part <- function(cohort, center) study[study$cohort == cohort & (center == "all" | study$center == center), ]
labels <- list(c("development", "all"), c("validation", "all"), c("validation", "south"), c("validation", "east"), c("validation", "west"))
groups <- lapply(labels, function(l) { d <- part(l[1], l[2])
  list(cohort = l[1], center = l[2], models = setNames(lapply(models, function(m) one(d, m)), models), pair = two(d),
       apart = if (l[1] == "validation") setNames(lapply(models, function(m) apart(d, development, m)), models) else NULL) })
between <- lapply(list(c("east", "south"), c("east", "west"), c("south", "west")), function(p)
  list(first = p[1], second = p[2], models = setNames(lapply(models, function(m) apart(part("validation", p[1]), part("validation", p[2]), m)), models)))
meta <- list(R = R.version.string, pROC = as.character(packageVersion("pROC")), epiR = as.character(packageVersion("epiR")), Hmisc = as.character(packageVersion("Hmisc")))
cat(toJSON(list(meta = meta, at = at, groups = groups, between = between), digits = NA, auto_unbox = TRUE))
