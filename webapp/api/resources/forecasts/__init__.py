"""What is ahead of region-items: forecasts and what-if, totals, explanations, order-up-to quantities."""
