"""``python -m tests.durations REPORT.xml``: name the tests that ``make test-fast`` leaves out because they take long.

The report is pytest's, of a run of all tests: ``make test PYTEST_ARGS=--junitxml=report.xml``. What has been named
stays so while its test is there.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree  # of a file that pytest has just written

from tests.conftest import SLOW, SLOW_TESTS

LONGEST_SECONDS = 0.4
"""Of a test with all its parameters."""
LIST = Path(__file__).with_name("slow_tests.txt")


def seconds_of(report: Path) -> Counter[str]:
    """Test without parameters -> seconds, setting up and tidying up included."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        *folders, last = case.attrib["classname"].split(".")
        inner = [] if Path(*folders, f"{last}.py").is_file() else [last]
        file = Path(*folders).with_suffix(".py") if inner else Path(*folders, f"{last}.py")
        name = case.attrib["name"].partition("[")[0]
        seconds["::".join([file.as_posix(), *inner, name])] += float(case.attrib["time"])
    return seconds


def is_there(test: str) -> bool:
    """Whether there still is a test of that name."""
    file, *_, name = test.split("::")
    return Path(file).is_file() and f"def {name}(" in Path(file).read_text()


def main() -> None:
    """Write the list."""
    seconds = seconds_of(Path(sys.argv[1]))
    slow = {test for test, taken in seconds.items() if taken > LONGEST_SECONDS and not test.startswith(SLOW)}
    LIST.write_text("".join(f"{test}\n" for test in sorted(filter(is_there, slow | SLOW_TESTS))))


if __name__ == "__main__":
    main()
