"""Why a dataset's demand is no good to train on: none of it can be used, or too much of it is refused."""


def problems(region_items: int, usable: int, refused_share: float | None, allowed_share: float,
             is_trained: bool) -> list[str]:
    """What is wrong, in words; empty where the demand is good enough.

    Args:
        region_items: how many were looked at.
        usable: of how many the demand can be used.
        refused_share: of all units; None where there are none.
        allowed_share: ``rules.refused_units_share``.
        is_trained: whether a training has ended, or it is only looked what one would do.
    """
    found = []
    if not usable:
        what = "nothing was trained" if is_trained else "nothing could be used"
        could_be = " could be used" if is_trained else ""
        found.append(f"{what}: the demand of none of the {region_items} region-items{could_be}")
    if refused_share is not None and refused_share > allowed_share:
        are = "were" if is_trained else "would be"
        found.append(f"{refused_share:.1%} of all units {are} refused, more than rules.refused_units_share = "
                     f"{allowed_share:g} allows")
    return found
