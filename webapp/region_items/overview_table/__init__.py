"""The table of region-items on the overview: its columns, its flags, and how its rows are found."""
