"""What Dagster says of a failed run, in a planner's words."""

import pytest

from webapp.retrains.failure_causes import LONGEST, WORDS, cause_in_words, why_failed


@pytest.mark.parametrize(("said", "words"), [
    ("DagsterUserCodeUnreachableError: User code server request timed out due to taking longer than 60 seconds to "
     "complete.", "the code server did not answer for 1 min 00 s"),
    ("User code server request timed out due to taking longer than 45 seconds", "the code server did not answer for "
                                                                                "45 s"),
    ("Could not reach user code server. gRPC Error code: UNAVAILABLE", "the code server could not be reached"),
    ("Exceeded maximum runtime of 7200 seconds.", "it took longer than 2 h 00 min, the most that a run may take"),
    ("Run timed out due to taking longer than 1800 seconds to start.", "nothing took it up for 30 min 00 s"),
    ("Detected run worker status NOT_FOUND: 'the run's process is gone'. Marking run abc as failed.",
     "the process that trained it was killed, again and again"),
    ("OSError: [Errno 28] No space left on device", "the disk is full"),
    ("dagster.errors.DagsterInvariantViolationError: Could not load run 8e355f88-e391-49d7-b56c-04a2e1a3f09f that "
     "was passed to submit_run", "its run was deleted in Dagster"),
    ("sqlite3.OperationalError: database is locked sqlalchemy.exc.OperationalError: (raised as a result of",
     "another program held a database locked"),
    ("dagster._core.errors.DagsterAssetBackfillDataLoadError: Targeted partitions for asset AssetKey(['demand']) have "
     "been removed since this backfill was stored. The following partitions were removed: {'a|1'}",
     "region-items of it were deleted as partitions in Dagster"),
    ("ValueError:  something\n  else", "ValueError: something else"),
    ("", ""),
])
def test_known_causes_are_told_in_plain_words(said: str, words: str) -> None:
    assert cause_in_words(said) == words


def test_a_long_cause_is_cut() -> None:
    assert len(cause_in_words("x" * 1000)) == LONGEST


def test_no_words_for_a_planner_name_a_class() -> None:
    assert [words for _, words in WORDS if "Error" in words or "gRPC" in words] == []


def test_a_failure_without_a_cause_still_says_what_it_means_and_what_to_do() -> None:
    assert why_failed("", was_started=False) == (
        "The training could not start. Nothing has changed: the last model still serves. Retry it; if it fails again, "
        "tell an engineer: the run's log in Dagster says more.")


def test_an_error_that_says_what_to_do_is_told_without_the_names_of_classes() -> None:
    said = ("demand_assets.forecasting.contract.source.SourceError: no file matches juice.csv. Correct source.path in "
            "the dataset file.\n dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred while "
            'executing op "demand":\n')

    assert why_failed(said, was_started=True) == (
        "The training stopped: no file matches juice.csv. Correct source.path in the dataset file. Nothing has "
        "changed: the last model still serves. Retry it when that is put right.")
