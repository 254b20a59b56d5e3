"""Which periods are missing, unfinished or out of stock, and on which weekday weeks begin."""
