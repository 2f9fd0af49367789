"""Effects of infusions: their course, their dose, other schedules, confounding."""
