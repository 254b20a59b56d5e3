"""Forecasts that a planner has overridden, and whether that helped."""
