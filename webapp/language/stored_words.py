"""Words that are stored in English, in the language of whoever reads them."""

from webapp.language import translations


def stored_words(text: str) -> str:
    """A stored text in the reader's language where the catalogues have it, as they have the app's own reasons; else,
    as what the pipeline or a person wrote, as it is."""
    return translations.gettext(text) if text else ""
