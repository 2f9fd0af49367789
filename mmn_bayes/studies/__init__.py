"""Studies of many fits: their runner, what they measure, and the comparison of two runs."""
