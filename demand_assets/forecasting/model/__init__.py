"""What models are made of; the models that serve; their training."""
