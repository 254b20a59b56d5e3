"""Forecasts with intervals, their totals, and planners' overrides of them."""
