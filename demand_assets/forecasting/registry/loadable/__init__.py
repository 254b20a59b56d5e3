"""What makes a registered version a model that MLflow loads anywhere: its files, the code it ships, its demand."""
