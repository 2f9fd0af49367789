# Reference results for ordinal::wine (72 ratings by 9 judges) from brms and ordinal.
#
# Usage: Rscript wine.R [folder]      in this folder; fits are kept in `folder`, if it is given

suppressMessages(library(brms))
suppressMessages(library(ordinal))
source("write.R")
# Where Boost is not the R package BH but a system library, BOOST says in which folder.
if (nzchar(Sys.getenv("BOOST"))) rstan::rstan_options(boost_lib = Sys.getenv("BOOST"))
folder <- commandArgs(TRUE)

wine <- data.frame(
  rating = ordered(ordinal::wine$rating),
  warm = as.numeric(ordinal::wine$temp == "warm"),
  contact = as.numeric(ordinal::wine$contact == "yes"),
  judge = ordinal::wine$judge
)

# center = FALSE: the prior is on the thresholds of the predictors as they are (0 and 1), not on
# those of centred ones. The thresholds are ordered, otherwise independent.
fit <- brm(
  bf(rating ~ warm + contact + (1 | judge), center = FALSE),
  data = wine, family = cumulative("logit"),
  prior = c(
    prior(normal(1, 3), class = "Intercept"),
    prior(normal(0, 2), class = "b"),
    prior(student_t(4, 0, 1), class = "sd", group = "judge")
  ),
  chains = 4, iter = 5000, warmup = 1000, cores = 1, seed = 1, refresh = 1000,
  control = list(adapt_delta = 0.95),
  file = if (length(folder)) file.path(folder, "wine")
)
names <- c(
  setNames(paste0("threshold_", 1:4), paste0("b_Intercept[", 1:4, "]")),
  b_warm = "warm", b_contact = "contact", sd_judge__Intercept = "judge_sd"
)
write_posterior(as_draws_array(fit), names, "wine_brms.csv")
print(rstan::get_num_divergent(fit$fit))

write_clmm(
  clmm(
    rating ~ warm + contact + (1 | judge), data = wine, link = "logit", nAGQ = 50
  ),
  "wine_clmm.csv"
)
write_made("wine_made.csv")
