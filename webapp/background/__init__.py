"""The loops of the one background process."""
