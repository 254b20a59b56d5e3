"""How many region-items a page or a scenario may hold."""

MOST_REGION_ITEMS = 500
"""Forecast as a page asks; the sums of more are read from the stored forecasts."""
MOST_OF_A_SCENARIO = 500
"""Region-items of one scenario."""
