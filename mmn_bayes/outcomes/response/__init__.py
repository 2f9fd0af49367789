"""Response of patients by the rule: counted and estimated, its tables and its figures."""
