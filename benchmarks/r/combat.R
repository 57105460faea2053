# Rscript combat.R FOLDER JOB N REPEATS : least time of ComBat, and its first N features
arguments <- commandArgs(TRUE); folder <- arguments[1]; job <- arguments[2]
n <- as.integer(arguments[3]); repeats <- as.integer(arguments[4])
suppressMessages({library(jsonlite); library(sva)})
input <- fromJSON(file.path(folder, "input.json"))
mod <- model.matrix(~ input$age + input$sex)
work <- function() suppressMessages(ComBat(input$x, input$batch, mod = mod, par.prior = job == "parametric"))
value <- work(); seconds <- Inf
for (i in seq_len(repeats)) {
  started <- proc.time()[["elapsed"]]; value <- work()
  seconds <- min(seconds, proc.time()[["elapsed"]] - started)
}
cat(toJSON(list(seconds = seconds, value = value[seq_len(n), ], version = paste("sva", packageVersion("sva"))),
           digits = NA, auto_unbox = TRUE))
