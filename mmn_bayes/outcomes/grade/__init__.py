"""Grades of muscles: their distribution over time, and the course of one patient."""
