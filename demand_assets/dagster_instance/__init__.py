"""Dagster's instance and its private parts: storages, launcher, worker. Nothing else may name `dagster._*`."""
