"""What a model sees of a series, its drivers and the whole dataset, in training as in forecasting."""
