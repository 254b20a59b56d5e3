"""Why a run failed, in a planner's words: Dagster's own are for engineers."""

import re
from collections.abc import Sequence

from webapp.pages.numbers_and_dates import duration

WORDS: Sequence[tuple[str, str]] = (
    (r"User code server request timed out due to taking longer than (\d+) seconds", "the code server did not answer "
                                                                                    "for {0}"),
    (r"Could not reach user code server|failed to reach the user code server|DagsterUserCodeUnreachable",
     "the code server could not be reached"),
    (r"Exceeded maximum runtime of (\d+) seconds", "it took longer than {0}, the most that a run may take"),
    (r"Run timed out due to taking longer than (\d+) seconds to start|did not begin for (\d+) seconds",
     "nothing took it up for {0}"),
    (r"the run's process is gone|unexpectedly exited|terminated by|terminated unexpectedly|worker's process is gone"
     r"|has not been heard of", "the process that trained it was killed, again and again"),
    (r"No space left on device|ENOSPC|database or disk is full", "the disk is full"),
    (r"Targeted partitions for asset \S.* have been removed",
     "region-items of it were deleted as partitions in Dagster"),
    (r"Could not load run (?:\S+) that was passed to", "its run was deleted in Dagster"),
    (r"database(?: table)? is locked", "another program held a database locked"),
    (r"The product was stopped or the machine went down", "the product was stopped while it went on"),
)
"""What Dagster says -> what that means; seconds are told as a duration."""
OF_OURS = re.compile(r"\bdemand_assets(?:\.\w+)*\.\w+Error: ([^\n]+)")
"""An error that our code raised, which says what is wrong and what to do."""
LONGEST = 200


def cause_in_words(said: str) -> str:
    """The cause in a planner's words where it is a known one, else in Dagster's, in one line; empty without one."""
    for pattern, words in WORDS:
        if found := re.search(pattern, said):
            seconds = next((float(group) for group in found.groups() if group), 0.0)
            return words.format(duration(seconds))
    line = " ".join(said.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST - 1]}…"


def why_failed(said: str, was_started: bool) -> str:
    """What a planner is told of a region-item whose run failed: what happened, what it means, what to do.

    Args:
        said: why, as Dagster says; empty when it says nothing.
        was_started: whether its training had begun.
    """
    if ours := OF_OURS.search(said):
        error = ours[1].partition(" dagster._")[0].rstrip(" .")
        return f"The training stopped: {error}. Nothing has changed: the last model still serves. Retry it when that " \
               "is put right."
    cause = cause_in_words(said)
    what = "The training was cut off" if was_started else "The training could not start"
    because = f" ({cause})" if cause else ""
    return f"{what}{because}. Nothing has changed: the last model still serves. Retry it; if it fails again, tell an " \
           "engineer: the run's log in Dagster says more."
