"""How people come in: by password, by single sign-on, as the first administrator; and who was refused."""
