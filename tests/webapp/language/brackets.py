"""A made-up language: what is said through the catalogue stands in brackets."""

OPEN, CLOSE = "⟦", "⟧"


class Bracketing:
    """A catalogue that has everything, in brackets."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ngettext(self, one: str, more: str, count: int) -> str:
        return self.gettext(one if count == 1 else more)

    def pgettext(self, _context: str, message: str) -> str:
        return self.gettext(message)
