"""That no dataset file can be made of data: said in one line."""


class CannotProposeError(ValueError):
    """Data of which no dataset file can be made; the message says in one line what is missing."""


def one_line(text: str) -> str:
    """The text without line breaks and repeated blanks."""
    return " ".join(text.split())
