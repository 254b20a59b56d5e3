"""What every entry of the dataset file is: strict, and how names in it are written."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="lower case letters, digits and _")]


class StrictEntry(BaseModel):
    """Part of the dataset file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
