"""Dates, numbers, yes and no, as sources write them."""
