"""Whether MLflow, Dagster and the background process are there."""
