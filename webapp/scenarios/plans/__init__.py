"""Plans that people paste or upload: read, and as a workbook to fill in."""
