"""What both halves call things, and the shapes of the tables that they share: the data dictionary."""
