"""All that is used of MLflow without a public name; ``DEMAND_REGISTRY=stock`` does without (docs/private_parts.md)."""

from typing import Any


def quick_models(uri: str) -> Any:
    """MLflow's client of registered models only, with the same methods as ``MlflowClient`` for what it can do.

    ``MlflowClient`` looks before each change whether the name is a prompt's, which makes one query two.
    """
    from mlflow.tracking._model_registry.client import ModelRegistryClient

    return ModelRegistryClient(uri, uri)  # type: ignore[no-untyped-call]
