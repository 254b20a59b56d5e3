"""Saved scenarios: edited, computed, compared."""
