"""What the pipeline and the web app must agree on: no Dagster, no Flask."""
