"""What pip, uv and npm are told on a machine of where packages come from: each read as the tool does."""
