"""What is doubtful in a source and is told: totals among rows, names that may be one, dates that mean two things."""
