"""The plan's forecast of every region-item and group, computed ahead and stored."""
