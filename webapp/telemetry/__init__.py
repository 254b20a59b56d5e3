"""What the app tells of itself to those who run it: what it counts, and the spans of its requests."""
