"""That no dataset file can be made of data: said in one line."""

from pydantic import ValidationError


class CannotProposeError(ValueError):
    """Data of which no dataset file can be made; the message says in one line what is missing."""


def one_line(said: object) -> str:
    """An error, or what it says, without line breaks and repeated blanks; of a wrong entry, which it is and why."""
    if isinstance(said, ValidationError):
        first = said.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(said).split())
