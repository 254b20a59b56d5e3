"""Proposes dataset files for data that nobody has described, and looks for trouble in data before it is trained on."""
