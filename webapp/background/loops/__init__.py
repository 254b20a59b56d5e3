"""The loops, each what one does in a turn and how often."""
