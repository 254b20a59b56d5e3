"""What a row is: what tells rows of one period apart, what several of them mean, and what a number measures."""
