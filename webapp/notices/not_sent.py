"""Why something was not sent to a receiver, and whether it ever will be."""


class NotSentError(Exception):
    """Why something was not sent; ``is_final`` when it never will be."""

    def __init__(self, why: str, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final
