"""A kind of driver: ``read_as = "promo_level"`` under ``[[drivers]]`` of a dataset file."""

LEVELS = {"none": 0, "shelf": 1, "leaflet": 2, "front page": 3}


class PromoLevel:
    """Words for how much an item is advertised, as a number, so that demand can be declared to rise with it."""

    kind = "number"

    def read(self, value: object) -> float | None:
        """The level; None where the source does not know it."""
        word = str(value).strip().lower()
        if word in ("", "?"):
            return None
        if word not in LEVELS:
            raise ValueError(f"is no level of a promotion; levels are {', '.join(LEVELS)}.")
        return LEVELS[word]
