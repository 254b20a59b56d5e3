"""From demand to models: of one region-item, of a whole dataset, and what is chosen by data."""
