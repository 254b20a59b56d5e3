"""What a dataset file may say, an entry a module, and what is made of it."""
