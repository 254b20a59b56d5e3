"""How high stock on hand and on order is to be: for each region-item, over its lead time and review period."""
