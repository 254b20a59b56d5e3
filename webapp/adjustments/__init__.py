"""Corrections of past demand, and the unusual days that may need them."""
