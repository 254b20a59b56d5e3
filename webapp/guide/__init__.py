"""What helps a newcomer: the terms of the pages, and a tour of them."""
