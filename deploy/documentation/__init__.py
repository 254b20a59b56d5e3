"""The documentation: its pages that are made from the code, and the site (``make docs``). For a checkout only."""
