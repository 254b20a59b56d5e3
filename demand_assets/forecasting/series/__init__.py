"""One series with gaps: trailing statistics, error metrics, outliers."""
