"""What a run finds and keeps in its state directory: its lock, moved files, runs that an earlier life left."""
