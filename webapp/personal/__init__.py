"""What belongs to one person: which saved views they may open, their favourites."""
