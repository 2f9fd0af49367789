"""Conduction blocks, before treatment and after."""
