"""From demand as read to demand that downstream may trust; what breaks a rule is quarantined."""
