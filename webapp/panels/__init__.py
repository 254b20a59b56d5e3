"""The panels by which region-items are found: items, regions and time, each with what the others leave."""
