"""``make audit``: whether anything is known against the locked packages; says so where the data cannot be reached."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
LOCK = PROJECT / "requirements" / "dev.txt"
SECONDS = 300


@dataclass(frozen=True)
class Findings:
    """What pip-audit found."""

    audited: int
    """Packages of which the data was there."""
    skipped: int
    known: tuple[str, ...]
    """What is known against them, a line for each, without the exceptions."""

    @classmethod
    def from_report(cls, report: Mapping[str, Any], exceptions: Mapping[str, str]) -> "Findings":
        """The findings of a report in pip-audit's JSON.

        Args:
            exceptions: id of what does not count -> why.
        """
        packages = report["dependencies"]
        audited = [each for each in packages if "skip_reason" not in each]
        known = tuple(
            f"{each['name']} {each['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no release'}"
            for each in audited for one in each["vulns"] if exceptions.keys().isdisjoint([one["id"], *one["aliases"]]))
        return cls(len(audited), len(packages) - len(audited), known)

    @property
    def words(self) -> str:
        """What a person reads."""
        if not self.audited:
            return f"NOT AUDITED: the data on vulnerabilities cannot be reached for any of {self.skipped} packages."
        told = "\n".join(self.known) or "Nothing is known against the locked packages."
        return f"{told}\n{self.audited} packages audited, {self.skipped} without data."


def main() -> int:
    """0 when nothing is known or nothing could be asked, 1 when something is."""
    exceptions = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["demand"]["audit_exceptions"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--require-hashes", "--disable-pip",
               "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        report = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        print(f"NOT AUDITED: the data on vulnerabilities did not come within {SECONDS} s.")
        return 0
    except json.JSONDecodeError:  # it says on stderr alone that it could not ask
        print(f"NOT AUDITED: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no answer'}")
        return 0
    found = Findings.from_report(report, exceptions)
    print(found.words)
    return 1 if found.known else 0


if __name__ == "__main__":
    sys.exit(main())
