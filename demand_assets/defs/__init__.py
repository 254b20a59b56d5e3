"""What Dagster shows: assets, checks, jobs, sensors, partitions, resources, metadata."""
