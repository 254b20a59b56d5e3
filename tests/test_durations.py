"""The list of slow tests names tests that there are, and can be written from what pytest reports."""

from pathlib import Path

from tests.conftest import SLOW_TESTS
from tests.durations import is_there, seconds_of


def test_every_test_on_the_list_is_there() -> None:
    assert SLOW_TESTS
    assert sorted(test for test in SLOW_TESTS if not is_there(test)) == []


def test_a_test_that_is_gone_is_not_there() -> None:
    assert is_there(f"{Path(__file__).relative_to(Path.cwd())}::{test_every_test_on_the_list_is_there.__name__}")
    assert not is_there("tests/test_durations.py::test_of_yesterday")
    assert not is_there("tests/test_of_yesterday.py::test_every_test_on_the_list_is_there")


def test_seconds_are_those_of_all_parameters_with_set_up(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("""<testsuites><testsuite>
        <testcase classname="tests.test_durations" name="test_one[a[b]]" time="0.25" />
        <testcase classname="tests.test_durations" name="test_one[c]" time="0.5" />
        <testcase classname="tests.webapp.api.test_requests.TestIdempotency" name="test_two" time="2" />
        </testsuite></testsuites>""")

    assert seconds_of(report) == {"tests/test_durations.py::test_one": 0.75,
                                  "tests/webapp/api/test_requests.py::TestIdempotency::test_two": 2.0}
