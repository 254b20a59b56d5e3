"""Forecast value added: what naive, model, overrides and planners got right; targets; what came of scenarios."""
