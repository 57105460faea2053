# Rscript agreement.R FOLDER JOB N REPEATS : least time of several runs of one job, and its values
arguments <- commandArgs(TRUE); folder <- arguments[1]; job <- arguments[2]
n <- as.integer(arguments[3]); repeats <- as.integer(arguments[4])
library(jsonlite)
least <- function(work) {
  value <- work(); seconds <- Inf
  for (i in seq_len(repeats)) {
    started <- proc.time()[["elapsed"]]; value <- work()
    seconds <- min(seconds, proc.time()[["elapsed"]] - started)
  }
  list(seconds = seconds, value = value)
}
input <- fromJSON(file.path(folder, "input.json"))
if (job == "icc") {
  suppressMessages(library(psych)); package <- "psych"
  tables <- lapply(seq_len(n), function(f) input$ratings[f, , ])
  found <- least(function() lapply(tables, function(x) {
    r <- ICC(x, lmer = FALSE)$results
    list(value = r$ICC, low = r[["lower bound"]], high = r[["upper bound"]], statistic = r$F, p = r$p)
  }))
} else if (job == "fisher") {
  package <- "stats"
  found <- least(function() lapply(seq_len(n), function(i) fisher.test(input$tables[i, , ], workspace = 2e8)$p.value))
} else {
  suppressMessages(library(metafor)); package <- "metafor"
  found <- least(function() lapply(seq_len(n), function(i) {
    fit <- rma(input$y[i, ], input$v[i, ], method = "REML", test = "knha", control = list(threshold = 1e-12, maxiter = 1000))
    interval <- confint(fit)$random; p <- predict(fit)
    c(fit$beta, fit$ci.lb, fit$ci.ub, fit$tau2, p$pi.lb, p$pi.ub)
  }))
}
found$version <- paste(package, packageVersion(package))
cat(toJSON(found, digits = NA, auto_unbox = TRUE))
