"""Checks of what is delivered: dependencies, images, and the files that deploy."""
