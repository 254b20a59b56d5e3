"""What a dataset's periods are called."""

from demand_assets.forecasting.contract.periods import Frequency
from webapp.language.translations import lazy_gettext

PERIOD: dict[Frequency, str] = {
    "D": lazy_gettext("day"), "W": lazy_gettext("week"), "M": lazy_gettext("month"), "Q": lazy_gettext("quarter")}
"""One of them."""
PERIODS: dict[Frequency, str] = {
    "D": lazy_gettext("days"), "W": lazy_gettext("weeks"), "M": lazy_gettext("months"), "Q": lazy_gettext("quarters")}
"""Several; in a sentence other languages need them as the subject or object of it, or behind a word like ``over``."""
