"""What forecasts a region-item: its own model, the pooled one, the baseline, or a challenger that won."""
