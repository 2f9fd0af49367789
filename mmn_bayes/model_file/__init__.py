"""What a model file may say, and reading one: no PyMC, no data."""
