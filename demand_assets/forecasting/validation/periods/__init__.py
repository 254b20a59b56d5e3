"""Which periods are missing, refused, unfinished or out of stock, and on which weekday weeks begin."""
