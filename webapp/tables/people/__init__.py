"""People: who may sign in and by what, their groups, what the identity provider says of them, and what they keep."""
