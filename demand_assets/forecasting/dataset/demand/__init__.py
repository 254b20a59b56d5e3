"""Where demand comes from, what its columns mean, and from when on it is refused."""
