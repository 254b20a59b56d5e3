"""``make docs``: the site of all documents, in build/docs; run in .venv-docs, which has MkDocs and not the product.

The documents keep their places and their links to each other. A link to a file that is no document, as to the Compose
file, becomes its path. Beside each page lies its text as it was written, in Markdown. The theme would fetch one script
from elsewhere, for the search where pages are opened as files; ours stands in its place.
"""

import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "docs"
CONFIGURATION = Path(__file__).with_name("mkdocs.yaml")
FETCHED = "https://unpkg.com/iframe-worker/shim"
OURS = Path(__file__).with_name("worker_in_frame.js")
LINK = re.compile(r"\[((?:[^\[\]]|`[^`]*`)+)\]\(([^)\s]+)\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """The documents and their pictures."""
    return sorted([*ROOT.glob("*.md"), ROOT / "requirements" / "README.md", *(ROOT / "docs").rglob("*.md"),
                   *(ROOT / "docs").rglob("*.png")])


def with_paths_for_files(document: Path, text: str) -> str:
    """The text, in which each link to a file of the project that is no document is that file's path."""
    known = set(documents())

    def told(link: re.Match[str]) -> str:
        words, target = link.groups()
        there = (document.parent / target.partition("#")[0]).resolve()
        if "://" in target or target.startswith("#") or there in known or not there.exists():
            return link.group()
        path = f"`{there.relative_to(ROOT)}`"
        return path if words.strip("`") in (path.strip("`"), there.name) else f"{words} ({path})"

    return "".join(part if part.startswith("```") else LINK.sub(told, part) for part in FENCE.split(text))


def decisions() -> Iterator[dict[str, str]]:
    """For the navigation: title and place of each decision."""
    for document in sorted((ROOT / "docs" / "decisions").glob("0*.md")):
        title = document.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        yield {title: f"docs/decisions/{document.name}"}


def main(site: Path = SITE) -> int:
    """Build the site; 1 where a link leads nowhere or a document is in no menu, and each is named."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with tempfile.TemporaryDirectory() as folder:
        for document in documents():
            there = Path(folder) / document.relative_to(ROOT)
            there.parent.mkdir(parents=True, exist_ok=True)
            if document.suffix == ".md":
                there.write_text(with_paths_for_files(document, document.read_text(encoding="utf-8")), encoding="utf-8")
            else:
                shutil.copyfile(document, there)
        configuration = load_config(str(CONFIGURATION), docs_dir=folder, site_dir=str(site), strict=True)
        configuration["nav"][-1]["Decisions"].extend(decisions())
        try:
            build(configuration)
        except Abort:
            return 1
    for page in site.rglob("*.html"):
        up = "../" * len(page.relative_to(site).parts[:-1])
        page.write_text(page.read_text(encoding="utf-8").replace(FETCHED, f"{up}{OURS.name}"), encoding="utf-8")
    shutil.copyfile(OURS, site / OURS.name)
    for document in documents():
        shutil.copyfile(document, site / document.relative_to(ROOT))
    print(f"the documentation: {site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
