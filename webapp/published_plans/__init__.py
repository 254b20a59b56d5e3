"""The plan as it was published: versions that are frozen, compared, downloaded and handed over."""
