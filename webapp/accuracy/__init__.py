"""How right published forecasts were, once demand was known."""
