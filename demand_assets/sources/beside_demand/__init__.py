"""What stands beside the demand, in its rows or in tables of its own: attributes, events, predecessors."""
