"""What forecasts now: production models, their files, and the forecast of a region-item."""
