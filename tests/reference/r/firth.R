# Firth's logistic regression by brglm2: separated, heavily tied and ordinary data.
suppressMessages({library(brglm2); library(jsonlite)})
set.seed(1)
cases <- list()
add <- function(name, x, y) {
  fit <- suppressWarnings(glm(y ~ x, family = binomial("logit"), method = brglm2::brglm_fit,
    control = brglmControl(type = "AS_mean", epsilon = 1e-12, maxit = 1000)))
  cases[[name]] <<- list(x = unname(as.matrix(x)), y = y, coefficients = unname(coef(fit)),
    se = unname(sqrt(diag(solve(summary(fit)$cov.unscaled)  |> solve()))))
}
add("separated", matrix(c(1, 2, 3, 4, 5, 6)), c(0, 0, 0, 1, 1, 1))
add("quasi", cbind(c(0, 0, 0, 0, 1, 1, 1, 1), c(-2, -1, 0, 1, 2, -1, 0, 3)), c(0, 0, 0, 0, 1, 0, 1, 1))
x <- cbind(rnorm(60), rbinom(60, 1, .2), round(rnorm(60)))
add("ordinary", x, rbinom(60, 1, plogis(x %*% c(1, -1, .5))))
x <- cbind(c(rnorm(25), 8), rbinom(26, 1, .5))
add("outlier", x, c(rbinom(25, 1, .4), 1))
add("rare", matrix(rnorm(40)), c(1, rep(0, 39)))
cat(toJSON(list(meta = list(R = R.version.string, brglm2 = as.character(packageVersion("brglm2"))),
  cases = cases), digits = NA, auto_unbox = TRUE, pretty = TRUE))
