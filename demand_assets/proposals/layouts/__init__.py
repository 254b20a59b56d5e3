"""Tables of which several columns hold demand: how these are told from other columns, and what their names say."""
