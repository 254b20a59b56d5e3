"""The first page: what changed, every region-item, totals, the heat map."""
