"""What people read: tables, figures and the files of `results/`."""
