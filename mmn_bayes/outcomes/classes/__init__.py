"""Long-term classes: the last status of each patient."""
