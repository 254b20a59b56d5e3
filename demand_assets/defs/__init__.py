"""What Dagster shows: assets, checks, jobs, schedules and sensors, and what they share."""
