"""Effects of candidate predictors: estimated, counted, compared, and judged by their margins."""
