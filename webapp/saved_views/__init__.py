"""Views of the region-items that people save, share and open again."""
