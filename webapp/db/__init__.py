"""The app's database: the session, and types of columns."""
