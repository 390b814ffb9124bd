"""Figures for Prometheus: what the database knows, read when somebody asks, and what this process did."""
