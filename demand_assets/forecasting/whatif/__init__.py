"""Scenarios on drivers, why a forecast is what it is, and past days like the planned ones."""
