# Rscript screening.R > ../screening.json : one model a feature by glm and survival::coxph with
# p.adjust; findCorrelation of caret; scale
suppressMessages({library(survival); library(jsonlite); library(caret)}); set.seed(20240507)
each <- function(x, fit) t(apply(x, 2, fit))
logistic <- function(x, y) each(x, function(v) {
  sharp <- glm.control(epsilon = 1e-14, maxit = 100)
  m <- glm(y ~ v, family = binomial, control = sharp)
  m <- glm(y ~ v, family = binomial, control = sharp, start = coef(m))  # weights at the maximum
  null <- glm(y ~ 1, family = binomial, control = sharp, start = qlogis(mean(y)))
  s <- summary(m)$coefficients[2, ]
  rao <- anova(null, m, test = "Rao")$Rao[2]
  c(s[1], s[2], s[3]^2, m$null.deviance - m$deviance, rao)
})
cox <- function(x, time, event) each(x, function(v) {
  m <- coxph(Surv(time, event) ~ v, control = coxph.control(eps = 1e-14, iter.max = 100, toler.inf = 1e-9))
  c(coef(m), sqrt(vcov(m)), m$wald.test, 2 * diff(m$loglik), m$score)
})
adjusted <- function(statistics) {
  p <- pchisq(statistics, 1, lower.tail = FALSE)
  list(p = p, bh = apply(p, 2, p.adjust, "BH"), holm = apply(p, 2, p.adjust, "holm"))
}
study <- function(id, n, p, scale = rep(1, p), digits = 6) {
  x <- round(matrix(rnorm(n * p), n) + rnorm(n), digits) %*% diag(scale, p)
  risk <- x[, 1] / sd(x[, 1])
  y <- as.integer(risk + rnorm(n) > 0)
  time <- ceiling(20 * rexp(n, exp(risk / 2)))
  event <- rbinom(n, 1, 0.7)
  l <- logistic(x, y); k <- cox(x, time, event)
  list(id = id, x = x, y = y, time = time, event = event, logistic = l, cox = k,
       logistic_p = adjusted(l[, 3:5]), cox_p = adjusted(k[, 3:5]), z = scale(x))
}
redundant <- function(id, n, p, factors, digits, cutoff, method = "pearson") {
  x <- round(matrix(rnorm(n * factors), n) %*% matrix(rnorm(factors * p), factors)
             + 0.5 * matrix(rnorm(n * p), n), digits)
  list(id = id, x = x, above = cutoff, method = method,
       dropped = sort(findCorrelation(cor(x, method = method), cutoff, exact = FALSE)))
}
meta <- list(R = R.version.string, survival = as.character(packageVersion("survival")),
             caret = as.character(packageVersion("caret")))
p_values <- c(0.01, 0.04, 0.03, 0.005, 0.03, 1, 0.2, NA, 0, 0.04)
studies <- list(study("forty", 40, 12), study("tied", 60, 8, digits = 0),
                study("units", 80, 6, scale = 10^c(-6, -3, 0, 3, 6, 9)))
chains <- list(redundant("factors", 50, 40, 3, 3, 0.9), redundant("coarse", 20, 15, 2, 0, 0.75),
               redundant("ranks", 30, 25, 2, 1, 0.8, "spearman"), redundant("none", 40, 6, 6, 3, 0.99))
cat(toJSON(list(meta = meta, studies = studies, chains = chains,
                adjust = list(p = p_values, bh = p.adjust(p_values, "BH"), holm = p.adjust(p_values, "holm"))),
           digits = NA, auto_unbox = TRUE))
