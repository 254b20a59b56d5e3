"""What planners have to look at: found by rules, ranked, assigned, and worked down."""
