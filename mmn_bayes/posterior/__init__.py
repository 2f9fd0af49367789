"""From a fit to what was asked: estimands as draws, checks, and the summary of draws."""
