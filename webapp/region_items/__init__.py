"""Region-items: their rows, lists, groups, selection and search."""
