"""What a dataset counts its demand in, as pages say it."""

from demand_assets.forecasting.dataset.dataset_file import UNIT
from webapp.language.translations import pgettext


def unit_words(unit: str) -> str:
    """``units`` in the reader's language, as of datasets that name no unit; any other as the dataset file has it."""
    return pgettext("of demand", "units") if unit == UNIT else unit
