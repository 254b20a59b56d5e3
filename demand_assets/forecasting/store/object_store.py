"""An object store that cannot be reached, in the words that local files use too."""

from collections.abc import Iterator
from contextlib import contextmanager


class ObjectStoreDownError(OSError):
    """The object store does not answer."""


@contextmanager
def object_store_errors() -> Iterator[None]:
    """Raise ObjectStoreDownError where the object store's client complains in its own words; also as a decorator."""
    try:
        yield
    except Exception as error:
        # By name: the client is imported only where an object store is used.
        if type(error).__module__ == "botocore.exceptions":
            raise ObjectStoreDownError(f"the object store does not answer as it should: {error}") from error
        raise
