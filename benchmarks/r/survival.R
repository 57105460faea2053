# Rscript survival.R FOLDER JOB N REPEATS : R survival on the arrays in FOLDER, timing itself
suppressMessages({library(survival); library(jsonlite)})
a <- commandArgs(TRUE); folder <- a[1]; job <- a[2]; n <- as.integer(a[3]); repeats <- as.integer(a[4])
read <- function(name) readBin(file.path(folder, paste0(name, ".bin")), "double", n)
time <- read("time"); event <- read("event"); group <- read("group"); x <- read("x")
set.seed(1)
work <- switch(job,
  km = function() survfit(Surv(time, event) ~ group, conf.type = "log-log", timefix = FALSE),
  logrank = function() survdiff(Surv(time, event) ~ group),
  permutation = function() for (i in 1:200) survdiff(Surv(time, event) ~ sample(group)),
  cox = function() coxph(Surv(time, event) ~ x + group, control = coxph.control(timefix = FALSE)),
  zph = local({ fit <- coxph(Surv(time, event) ~ x + group, control = coxph.control(timefix = FALSE)); function() cox.zph(fit) }))
value <- work()
seconds <- min(sapply(seq_len(repeats), function(i) system.time(value <<- work())[["elapsed"]]))
out <- switch(job,
  km = c(value$surv[value$surv > 0 & value$surv < 1], value$lower[value$surv > 0 & value$surv < 1]),
  logrank = value$chisq, permutation = 0, cox = unname(c(value$coefficients, sqrt(diag(value$var)))), zph = unname(value$table[, 1]))
cat(toJSON(list(seconds = seconds, version = as.character(packageVersion("survival")), value = out), digits = NA, auto_unbox = TRUE))
