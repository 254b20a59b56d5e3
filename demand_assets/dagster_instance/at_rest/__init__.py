"""What makes Dagster cost little while nothing happens: connections that stay open, and looks that wait for a change."""
