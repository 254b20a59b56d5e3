"""The models, their training, their backtest and their intervals."""
