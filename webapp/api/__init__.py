"""The REST API under ``/api/v1``: tokens only, its document made from this code."""
