"""Groups of users: their members, the role that they give, and which region-items these see."""
