"""Settings that an administrator changes on a page."""
