"""What the product measures of itself; each module runs as ``python -m benchmarks.NAME``."""
