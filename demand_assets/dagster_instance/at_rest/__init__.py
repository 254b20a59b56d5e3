"""What makes Dagster cost little at rest: connections that stay open, and looks that wait for a change."""
