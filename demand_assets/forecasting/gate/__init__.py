"""Whether a candidate replaces the model in production, and whether that still forecasts well."""
