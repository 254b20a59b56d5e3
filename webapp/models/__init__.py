"""Models: versions, accuracy, roll back, pins, and the watch on the registry."""
