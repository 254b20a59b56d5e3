"""What every entry of the dataset file is: strict, and how names in it are written."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_NAME = 40
NAME_PATTERN = rf"[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}"
Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$", description="lower case letters, digits and _")]


def name_of(text: str) -> str:
    """A name made of any text, such as a file's: ``_`` stands for every character that names do not have."""
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text.lower())
    return (name if name[:1].isalpha() else f"d_{name}")[:LONGEST_NAME]


class StrictEntry(BaseModel):
    """Part of the dataset file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
