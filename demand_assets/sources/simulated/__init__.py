"""Simulated demand with a known truth."""
