# What the scripts of this folder share: how their results are written.

# Posterior summaries of draws, one row a quantity, each with its Monte Carlo standard error.
write_posterior <- function(draws, names, file) {
  row <- function(variable) {
    x <- posterior::extract_variable_matrix(draws, variable)
    q <- posterior::quantile2(x, c(0.025, 0.975))
    e <- posterior::mcse_quantile(x, c(0.025, 0.975))
    data.frame(
      quantity = names[[variable]],
      mean = mean(x), mcse_mean = posterior::mcse_mean(x),
      sd = sd(x), mcse_sd = posterior::mcse_sd(x),
      q2.5 = q[[1]], mcse_q2.5 = e[[1]],
      q97.5 = q[[2]], mcse_q97.5 = e[[2]],
      ess_bulk = posterior::ess_bulk(x), ess_tail = posterior::ess_tail(x),
      rhat = posterior::rhat(x)
    )
  }
  table <- do.call(rbind, lapply(names(names), row))
  table[-1] <- signif(table[-1], 8)
  write.csv(table, file, row.names = FALSE, quote = FALSE)
  print(table)
}

# Estimates of clmm and their standard errors: thresholds, coefficients and the logarithm of the sd
# of the random effect (which is what clmm maximises by); and the log-likelihood.
write_clmm <- function(fit, file) {
  alpha <- setNames(fit$alpha, paste0("threshold_", seq_along(fit$alpha)))
  estimate <- c(alpha, fit$beta, log_sd = log(unname(unlist(fit$ST))))
  table <- data.frame(
    quantity = c(names(estimate), "log_likelihood"),
    estimate = c(estimate, as.numeric(logLik(fit))),
    se = c(sqrt(diag(vcov(fit))), NA)
  )
  table[-1] <- signif(table[-1], 12)
  write.csv(table, file, row.names = FALSE, quote = FALSE, na = "")
  print(table)
  print(fit$info)
}

# Date and versions, beside the results.
write_made <- function(file, ..., packages = c("brms", "rstan", "ordinal", "posterior")) {
  versions <- vapply(packages, function(x) as.character(packageVersion(x)), "")
  made <- c(date = format(Sys.Date()), R = as.character(getRversion()), versions, ...)
  write.csv(
    data.frame(what = names(made), value = unname(made)), file,
    row.names = FALSE, quote = FALSE
  )
}
