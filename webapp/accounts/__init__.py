"""People and programs: users, signing in, links, single sign-on, sessions, tokens."""
