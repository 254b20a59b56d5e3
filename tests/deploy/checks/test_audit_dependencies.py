from typing import Any

from deploy.checks.audit_dependencies import Findings

FLAW = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.1"], "description": "…"}


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(packages), "fixes": []}


def package(name: str, *flaws: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "2.0", "vulns": list(flaws)}


SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (1.0)"}


def test_what_is_known_is_told_with_the_release_that_mends_it() -> None:
    found = Findings.from_report(report(package("a", FLAW), package("c"), SKIPPED), {})

    assert found.known == ("a 2.0: PYSEC-2026-1, mended in 2.1",)
    assert found.words.endswith("2 packages audited, 1 without data.")


def test_an_exception_counts_by_any_of_its_names() -> None:
    assert Findings.from_report(report(package("a", FLAW)), {"CVE-2026-1": "not reached by us"}).known == ()


def test_where_no_data_is_reached_nothing_is_called_audited() -> None:
    found = Findings.from_report(report(SKIPPED, SKIPPED), {})

    assert (found.known, found.audited) == ((), 0)
    assert found.words.startswith("NOT AUDITED")
