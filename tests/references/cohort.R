# Reference results for the simulated cohort of 40 patients from brms and ordinal.
#
# Usage: Rscript cohort.R [folder]      in this folder; fits are kept in `folder`, if it is given

suppressMessages(library(brms))
suppressMessages(library(ordinal))
source("write.R")
# Where Boost is not the R package BH but a system library, BOOST says in which folder.
if (nzchar(Sys.getenv("BOOST"))) rstan::rstan_options(boost_lib = Sys.getenv("BOOST"))
folder <- commandArgs(TRUE)

rows <- read.csv("cohort/grades.csv")
rows <- merge(rows, read.csv("cohort/patients.csv"))
rows <- merge(rows, read.csv("cohort_visits.csv"))
rows <- rows[order(rows$patient, rows$muscle, rows$side, rows$day), ]
rows$grade <- ordered(rows$grade)
rows$naive <- as.numeric(rows$naive == "yes")
rows$site <- interaction(rows$patient, rows$muscle, rows$side, drop = TRUE)
stopifnot(nrow(rows) == 2400, nlevels(rows$grade) == 6, nlevels(rows$site) == 400)

# Effects of muscles that sum to zero: the five are Q u, the columns of Q orthonormal and
# orthogonal to 1, u four independent normals that share the sd muscle_sd. For brms the rows of Q
# are four more predictors and u their coefficients; muscle_sd is a parameter of our own.
muscles <- sort(unique(rows$muscle))
Q <- contr.helmert(length(muscles))
Q <- sweep(Q, 2, sqrt(colSums(Q^2)), "/")
rows[paste0("q", 1:4)] <- Q[match(rows$muscle, muscles), ]
muscle_sd <- stanvar(scode = "real<lower=0> muscle_sd;", block = "parameters") +
  stanvar(
    scode = "target += normal_lpdf(muscle_sd | 0, 1) - normal_lccdf(0 | 0, 1);",
    block = "model"
  )

# center = FALSE: the prior is on the thresholds of the predictors as they are, not on those of
# centred ones. The thresholds are ordered, otherwise independent.
fit <- brm(
  bf(
    grade ~ naive + dose_rate + q1 + q2 + q3 + q4 + (1 | patient) + (1 | patient:muscle:side),
    center = FALSE
  ),
  data = rows, family = cumulative("logit"), stanvars = muscle_sd,
  prior = c(
    prior(normal(-1, 3), class = "Intercept"),
    prior(normal(0, 1), class = "b", coef = "naive"),
    prior(normal(0, 2), class = "b", coef = "dose_rate"),
    set_prior("normal(0, muscle_sd)", class = "b", coef = paste0("q", 1:4)),
    prior(normal(0, 1), class = "sd", group = "patient"),
    prior(normal(0, 2), class = "sd", group = "patient:muscle:side")
  ),
  chains = 4, iter = 2000, warmup = 500, cores = 1, seed = 2, refresh = 100,
  file = if (length(folder)) file.path(folder, "cohort")
)

draws <- as_draws_array(fit)
u <- lapply(1:4, function(j) posterior::extract_variable_matrix(draws, paste0("b_q", j)))
effects <- lapply(seq_along(muscles), function(m) Reduce(`+`, Map(`*`, Q[m, ], u)))
names(effects) <- paste("muscle", muscles)
effects <- array(
  unlist(effects), c(dim(u[[1]]), length(muscles)), list(NULL, NULL, names(effects))
)
draws <- posterior::bind_draws(draws, posterior::as_draws_array(effects))
shown <- c("P01", "P20", "P40")
sites <- paste0(shown, "_finger.abduction_left")
names <- c(
  setNames(paste0("threshold_", 1:5), paste0("b_Intercept[", 1:5, "]")),
  b_naive = "naive", b_dose_rate = "dose_rate",
  sd_patient__Intercept = "patient_sd",
  muscle_sd = "muscle_sd",
  `sd_patient:muscle:side__Intercept` = "site_sd",
  setNames(paste("muscle", muscles), paste("muscle", muscles)),
  setNames(paste("patient", shown), sprintf("r_patient[%s,Intercept]", shown)),
  setNames(
    paste("site", shown, "finger abduction left"),
    sprintf("r_patient:muscle:side[%s,Intercept]", sites)
  )
)
write_posterior(draws, names, "cohort_brms.csv")
print(rstan::get_num_divergent(fit$fit))

write_clmm(
  clmm(
    grade ~ naive + dose_rate + (1 | site), data = rows, link = "logit", nAGQ = 50
  ),
  "cohort_clmm.csv"
)
write_made("cohort_made.csv")
