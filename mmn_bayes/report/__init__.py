"""What every table and figure shares, and the only writer of `results/`."""
