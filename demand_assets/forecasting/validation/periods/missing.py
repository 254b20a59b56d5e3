"""What a period without a row is: no sale, or unknown."""

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.periods import Ordinals
from demand_assets.forecasting.dataset.dataset_file import Dataset

Places = npt.NDArray[np.intp] | Ordinals


def counted_as_zero(dataset: Dataset, number: Ordinals, end: Ordinals, with_row: Places,
                    refused: Places) -> npt.NDArray[np.bool_]:
    """Which periods count as periods without a sale, by the dataset's rule for gaps; the others without a row are
    unknown. Shape (periods,).

    Args:
        number: of each period.
        end: for each, the last period that is the past, up to which the rule holds.
        with_row: places of periods that have one.
        refused: places of periods whose rows were refused: what was sold there is unknown, so they are no gap.
    """
    if dataset.rules.gaps != "zero":
        return np.zeros(len(number), dtype=bool)
    is_zero = number <= end
    is_zero[with_row] = False
    is_zero[refused] = False
    return is_zero
