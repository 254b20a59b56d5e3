"""What runs tell Dagster of many region-items: planned at once, stored at once, failed where they failed."""
