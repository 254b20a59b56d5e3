"""Retrains that a planner asks for: stored, sent to Dagster, followed, settled."""
