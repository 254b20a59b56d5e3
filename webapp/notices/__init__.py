"""What people are told: a bell on every page, e-mail, and webhooks for other systems."""
