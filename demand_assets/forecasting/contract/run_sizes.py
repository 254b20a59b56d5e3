"""How many region-items one run in Dagster carries."""

PER_RUN = 500
"""What sensors, schedules, trainings and backfills put into one run. A run's start, and its look through a large
source, cost as much as the training of some hundred region-items; a run that crashes is repeated whole, and much larger
ones hold too many events in memory."""
