"""Work for other processes, in a module of its own: each of them imports what stands beside its work."""

from demand_assets.pipeline.parallel import side_by_side


def double(number: int) -> int:
    """Twice the number. Raises: ValueError: of 13."""
    if number == 13:
        raise ValueError("thirteen")
    return 2 * number


def doubled() -> list[int]:
    """Twice each of three numbers, as found by processes where this one may have any."""
    return sorted(side_by_side(double, range(3), 2, in_processes=True))
