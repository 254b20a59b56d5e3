"""Database URLs as people write them, and as SQLAlchemy needs them."""


def with_driver(url: str) -> str:
    """The URL with the driver that is installed for PostgreSQL; any other URL as it is.

    Left to itself, SQLAlchemy 2.1 takes a plain ``postgresql://`` to mean a driver that is not installed.
    """
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return f"postgresql+psycopg2://{url.removeprefix(prefix)}"
    return url
