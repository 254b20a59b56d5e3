"""Starting the product: one command on one machine (``python -m deploy.run``), or containers."""
