"""Numbers that look as if they meant "not known": nines far above all others, and -1, -9 or negative nines where
nothing else is negative."""

import numpy as np

from demand_assets.forecasting.contract.periods import Mask
from demand_assets.forecasting.series.gapped import Floats

_NINES = frozenset(float("9" * count) for count in range(2, 10)) | {99.99, 999.99, 9999.99, 99999.99}
_MANY_NINES = 9999.0
_ABOVE, _FAR_ABOVE = 2.0, 4.0
"""How many times larger than all others a number of nines is that may mean "not known"."""
_DIFFERENT = 3
"""Other values, so that a price of 999 that never changes is none."""
_ENOUGH_TO_TELL = 5
"""Periods with and without demand from which on a zero in the latter may be told to be a placeholder."""
_NEARLY_ALL, _HARDLY_ANY = 0.95, 0.01
_BELOW_ZERO = frozenset({-1.0, -9.0, *(-value for value in _NINES)})
_STRANGE = np.array(sorted(_NINES | _BELOW_ZERO))


def look_strange(values: Floats) -> Mask:
    """Where a value stands that ``placeholders_among`` may give; fast."""
    found = np.zeros(len(values), dtype=bool)
    at = np.flatnonzero((values >= min(_NINES)) | (values <= -1.0))
    near = np.minimum(np.searchsorted(_STRANGE, values[at]), len(_STRANGE) - 1)
    found[at] = _STRANGE[near] == values[at]
    return found


def is_zero_where_unsold(demand: Floats, values: Floats) -> bool:
    """Whether a driver is 0 wherever nothing was sold, and hardly elsewhere: it looks like "not known"."""
    unsold, sold = demand == 0, demand > 0
    if min(unsold.sum(), sold.sum()) < _ENOUGH_TO_TELL:
        return False
    is_zero = values == 0
    return bool(is_zero[unsold].mean() >= _NEARLY_ALL and is_zero[sold].mean() <= _HARDLY_ANY)


def placeholders_among(values: Floats) -> list[tuple[float, int]]:
    """The values that look like "not known" and how often they stand: nines far above all others, and a -1, a -9 or
    negative nines where nothing else is below zero."""
    if not ((values >= min(_NINES)) | (values <= -1.0)).any():
        return []
    known, often = np.unique(values[np.isfinite(values)], return_counts=True)
    counts = dict(zip(known.tolist(), often.tolist(), strict=True))
    others = [value for value in counts if value not in _NINES and value not in _BELOW_ZERO]
    if len(others) < _DIFFERENT:
        return []
    largest, smallest = max(others), min(others)
    return [(value, count) for value, count in counts.items()
            if (value in _NINES and value >= largest * (_FAR_ABOVE if value < _MANY_NINES or count == 1 else _ABOVE))
            or (value in _BELOW_ZERO and smallest >= 0 and count > 1)]
