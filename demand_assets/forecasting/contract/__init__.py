"""What both halves call things: region-items, periods, events, names in Dagster, and what every source answers."""
