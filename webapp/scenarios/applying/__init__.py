"""A scenario that becomes part of the plan: its differences as overrides."""
