"""Where demand comes from: simulated, files (local or in an object store), databases."""
