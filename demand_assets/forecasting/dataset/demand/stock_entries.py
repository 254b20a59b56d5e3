"""How a dataset says which periods are out of stock, and what their demand is stored as."""

STOCK_ENTRIES = ("stock", "available")
"""Entries of ``[columns]`` that say which periods are out of stock; one of them may be given."""
AT_LEAST = "demand:at_least"
"""The column beside ``demand``: units sold in a period out of stock, whose demand is null; NaN in all others. No driver
can be called so; a table of a dataset that says nothing of stock does not have it."""
