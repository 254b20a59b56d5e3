"""The model registry: versions, their facts and files. Nothing else may import MLflow."""
