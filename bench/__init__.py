"""Benchmarks: each measures the product beside a named baseline in the same run and prints JSON and a table."""
