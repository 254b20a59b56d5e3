"""How many region-items one run in Dagster carries."""

PER_RUN = 500
"""What sensors, schedules, trainings and backfills put into one run. A run's start, and its look through a large
source, cost as much as the training of some hundred region-items; a run that crashes is repeated whole, and much larger
ones hold too many events in memory."""
LARGEST_RETRAIN_RUN = 1000
"""Up to so many region-items that a planner asks for go as one run, which starts at once: somebody waits for it, and it
is more than ``PER_RUN`` since a backfill waits for the daemon's next look, up to 30 s, and starts one run (some ten
seconds each) for every contiguous range. Beyond this size its chunks, which fail and are repeated each for itself, are
worth that, if its ranges are few."""
