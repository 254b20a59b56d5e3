"""What a run finds and keeps in its state directory: its lock, and runs that an earlier life left."""
