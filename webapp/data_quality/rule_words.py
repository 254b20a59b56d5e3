"""The rules of the validation in the reader's language."""

from webapp.language.translations import lazy_gettext

RULE_WORDS: dict[str, str] = {
    "unreadable_date": lazy_gettext("the date cannot be read"),
    "mixed_time_zones": lazy_gettext("some dates of the region-item have a time zone and others have none"),
    "odd_time": lazy_gettext("the time of the day is another than that of nearly all others, which are midnights"),
    "stray_date": lazy_gettext("a few rows lie years before or after all others"),
    "off_weekday": lazy_gettext("the date falls on another weekday than the weeks of the region-item"),
    "conflicting": lazy_gettext("several different rows for one period"),
    "beyond_horizon": lazy_gettext("drivers of a future too far ahead to be used"),
    "not_a_number": lazy_gettext("demand is no number"),
    "infinite": lazy_gettext("demand is infinite"),
    "negative": lazy_gettext("demand is negative"),
    "absurd": lazy_gettext("demand is many times anything seen before"),
    "future": lazy_gettext("demand of a date that lies ahead"),
    "unfinished": lazy_gettext("demand of a period that is not over yet"),
    "stock_unclear": lazy_gettext("whether the item was in stock cannot be read"),
    "price_not_above_0": lazy_gettext("a price that is not above 0"),
    "driver_not_a_number": lazy_gettext("a driver is no number"),
    "driver_infinite": lazy_gettext("a driver is infinite"),
    "driver_not_yes_no": lazy_gettext("a driver is neither yes nor no"),
    "driver_not_read": lazy_gettext("a driver is not what its plug-in reads"),
}
"""Every rule of ``quarantine.RULES``, in the same words."""
