"""What is kept beside the registry, on disk or in an object store: demand, adjustments, uploads, the journal."""
