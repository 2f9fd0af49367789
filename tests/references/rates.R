# What R's own tests say of counts: written to rates_r.csv, compared by tests/test_comparing.py.
# fisher.test finds its estimate and limits with the loose tolerance of uniroot; here the same
# equations (the non-central hypergeometric distribution) are solved to 1e-12.

source("write.R")

rows <- list()
note <- function(case, quantity, value) {
  rows[[length(rows) + 1]] <<- data.frame(case = case, quantity = quantity, value = value)
}

for (pair in list(c(14, 20), c(4, 18), c(0, 12), c(9, 9), c(1, 27), c(7, 9), c(2, 9))) {
  x <- pair[1]; n <- pair[2]
  case <- sprintf("%d/%d", x, n)
  exact <- binom.test(x, n, 0.2)
  note(case, "clopper-pearson lower", exact$conf.int[1])
  note(case, "clopper-pearson upper", exact$conf.int[2])
  for (side in c("two.sided", "greater", "less"))
    note(case, paste("exact p against 0.2,", side), binom.test(x, n, 0.2, side)$p.value)
  wilson <- suppressWarnings(prop.test(x, n, correct = FALSE))
  note(case, "wilson lower", wilson$conf.int[1])
  note(case, "wilson upper", wilson$conf.int[2])
}

conditional <- function(table) {
  m <- sum(table[, 1]); n <- sum(table[, 2]); k <- sum(table[1, ]); x <- table[1, 1]
  support <- max(0, k - n):min(k, m)
  log_weight <- dhyper(support, m, n, k, log = TRUE)
  density <- function(log_odds) {
    d <- log_weight + log_odds * support
    d <- exp(d - max(d)); d / sum(d)
  }
  solve_for <- function(f) exp(uniroot(f, c(-40, 40), tol = 1e-13)$root)
  low <- min(support); high <- max(support)
  c(
    estimate = if (x == low) 0 else if (x == high) Inf else
      solve_for(function(t) sum(support * density(t)) - x),
    lower = if (x == low) 0 else
      solve_for(function(t) sum(density(t)[support >= x]) - 0.025),
    upper = if (x == high) Inf else
      solve_for(function(t) sum(density(t)[support <= x]) - 0.025)
  )
}

for (four in list(c(14, 20, 4, 18), c(7, 9, 2, 9), c(0, 6, 5, 6), c(9, 9, 2, 9), c(3, 7, 3, 7))) {
  a <- four[1]; n <- four[2]; b <- four[3]; m <- four[4]
  case <- sprintf("%d/%d against %d/%d", a, n, b, m)
  table <- matrix(c(a, b, n - a, m - b), 2)
  fisher <- fisher.test(table)
  note(case, "fisher p", fisher$p.value)
  precise <- conditional(table)
  stopifnot(is.infinite(precise["estimate"]) ||
              abs(precise["estimate"] - fisher$estimate) < 1e-3 * (1 + fisher$estimate))
  for (name in names(precise)) note(case, paste("conditional odds ratio", name), precise[[name]])
  pearson <- suppressWarnings(prop.test(c(a, b), c(n, m), correct = FALSE))
  note(case, "chi-squared p", pearson$p.value)
}

for (four in list(c(10, 3, 6, 1), c(5, 0, 4, 9), c(12, 2, 2, 4))) {
  case <- sprintf("pairs %d %d %d %d", four[1], four[2], four[3], four[4])
  table <- matrix(four, 2, byrow = TRUE)
  note(case, "mcnemar p", mcnemar.test(table, correct = FALSE)$p.value)
  note(case, "mcnemar p, corrected", mcnemar.test(table)$p.value)
  note(case, "mcnemar p, exact", binom.test(four[2], four[2] + four[3])$p.value)
}

changes <- list(
  distinct = c(1.5, -0.5, 3, 4.5, 2.25, -1, 6),
  tied = c(0, 1, 1, 2, -1, 3, 0, 4, 4, -2, 5),
  worse = c(-3, -1, -4, -6.5, 2)
)
for (name in names(changes)) {
  test <- suppressWarnings(wilcox.test(changes[[name]]))
  note(paste("changes", name), "signed-rank statistic", test$statistic[[1]])
  note(paste("changes", name), "signed-rank p", test$p.value)
}

table <- do.call(rbind, rows)
table$value <- format(table$value, digits = 15, trim = TRUE)
write.csv(table, "rates_r.csv", row.names = FALSE, quote = TRUE)
write_made("rates_made.csv", packages = character(0))
