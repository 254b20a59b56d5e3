"""``make docs``: the site is whole, fetches nothing, and each page lies there as Markdown too."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from deploy.settings import PROJECT
from tests.conftest import CHROMIUM

pytestmark = pytest.mark.servers
FETCHES = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of .venv-docs."""
    made = subprocess.run(["sh", "deploy/separate_environment.sh", "docs"], cwd=PROJECT, capture_output=True, text=True,
                          check=False, timeout=250)
    assert made.returncode == 0, made.stdout + made.stderr
    return PROJECT / ".venv-docs" / "bin" / "python"


def build(python: Path, project: Path, site: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([python, "-m", "deploy.documentation.build_site", site], cwd=project, capture_output=True,
                          text=True, check=False, timeout=200)


@pytest.fixture(scope="module")
def site(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    done = build(python, PROJECT, folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


class Fetched(HTMLParser):
    """What a browser fetches for a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("rel") not in ("next", "prev", "canonical"):
            self.found += [str(values[name]) for name in [FETCHES.get(tag)] if name and values.get(name)]


def test_every_document_is_a_page_and_lies_there_as_it_was_written(site: Path) -> None:
    for document in (PROJECT / "docs").rglob("*.md"):
        there = site / document.relative_to(PROJECT)

        assert there.read_bytes() == document.read_bytes()
        assert there.with_name("index.html" if document.name == "README.md" else f"{document.stem}.html").is_file()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    fetched = {(page, address) for page in pages for address in Fetched(page.read_text()).found}
    styles = {found for sheet in site.rglob("*.css")
              for found in re.findall(r"(?:url\(|@import)\s*[\"']?(\w+:[^\"')]*)", sheet.read_text())}

    assert len(pages) > 90
    assert {address for _, address in fetched if "://" in address or address.startswith("//")} == set()
    assert {address for page, address in fetched if not address.startswith(("data:", "/"))
            and not (page.parent / address.partition("?")[0]).exists()} == set()
    assert {style for style in styles if not style.startswith("data:")} == set()


def test_what_is_searched_is_there_also_where_pages_are_opened_as_files(site: Path) -> None:
    assert "population stability index" in (site / "search" / "search_index.js").read_text()
    assert "worker_in_frame.js" in (site / "docs" / "backup.html").read_text()


def test_pictures_are_small(site: Path) -> None:
    pictures = list((PROJECT / "docs").rglob("*.png"))

    assert len(pictures) <= 5
    assert [picture.name for picture in pictures if picture.stat().st_size > 200_000] == []


def test_a_link_that_leads_nowhere_and_a_page_in_no_menu_fail(python: Path, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "docs", tmp_path / "docs")
    shutil.copytree(PROJECT / "deploy" / "documentation", tmp_path / "deploy" / "documentation")
    (tmp_path / "requirements").mkdir()
    for name in ("README.md", "CONTRIBUTING.md", "TESTING.md", "SECURITY.md", "CHANGELOG.md", "requirements/README.md"):
        shutil.copyfile(PROJECT / name, tmp_path / name)
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n\n[there](backup.md#no-such-part) and [there](nothing.md)\n")

    done = build(python, tmp_path, tmp_path / "site")

    assert done.returncode == 1
    assert "lost.md" in done.stderr
    assert "#no-such-part" in done.stderr
    assert "nothing.md" in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_opened_as_a_file_the_search_finds(site: Path) -> None:
    program = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[2], args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(sys.argv[1])
    page.locator("input.md-search__input").click()
    page.keyboard.type("quarantine")
    page.locator(".md-search-result__item").first.wait_for()
    print([url for url in asked if not url.startswith(("file:", "data:", "about:"))])
"""
    page = (site / "docs" / "backup.html").as_uri()

    done = subprocess.run([sys.executable, "-c", program, page, str(CHROMIUM)],
                          capture_output=True, text=True, check=False, timeout=120)

    assert done.stdout.strip() == "[]", done.stderr
