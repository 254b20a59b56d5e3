"""The process runner: what starts the servers, restarts those that die, and forks what shares its imports."""
