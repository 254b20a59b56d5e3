"""Dagster's instance and its private parts: storages, web pages, runs. Nothing else may name `dagster._*`."""
