"""Which classes of model compete, when a candidate is promoted, and when models are trained again."""
