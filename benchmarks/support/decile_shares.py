"""Whether deciles hold what they say: the shares of what came on either side of each."""

import numpy as np

from demand_assets.forecasting.model.intervals import DECILE_NAMES, DECILES
from demand_assets.forecasting.series.gapped import Floats

Shares = dict[str, list[float]]


def shares_at_deciles(actual: Floats, deciles: Floats) -> Shares:
    """For each decile the share of actuals strictly below it, and of those at or below it: where zeros are frequent the
    told share lies between them.

    Args:
        actual: shape (n,), all known.
        deciles: shape (n, 9), all known.
    """
    return {name: [round(float((actual < decile).mean()), 4), round(float((actual <= decile).mean()), 4)]
            for name, decile in zip(DECILE_NAMES, np.asarray(deciles).T, strict=True)}


def farthest_off(shares: Shares) -> float:
    """How far the told share of a decile lies outside of the two that were found, at most."""
    return max(max(low - float(name[1:]) / 100, float(name[1:]) / 100 - high, 0.0)
               for name, (low, high) in shares.items())


def quantile_loss(actual: Floats, deciles: Floats) -> float:
    """Twice the mean pinball loss over the deciles, over the mean actual; of a single number told nine times it is the
    WAPE. Arguments as for ``shares_at_deciles``."""
    over = (np.asarray(deciles) > actual[:, None]).astype(float)
    losses = 2 * np.abs((actual[:, None] - deciles) * (over - np.array(DECILES)))
    return float(losses.mean(axis=1).sum() / max(actual.sum(), 1e-12))
