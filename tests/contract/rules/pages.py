"""Documentation can be found and does not point into the void."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.contract.rules.tree import ours

_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
# A test as pages name it: a file, or a folder.
_TEST = re.compile(r"`((?:tests|molecule)/[\w/*.-]+)`")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(page: Path) -> set[Path]:
    """Return the files a page links to; links in code do not count."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return {(page.parent / found).resolve() for found in _LINK.findall(text)}


def unlinked_pages(root: Path) -> Iterator[str]:
    """Yield pages that docs/index.md does not link."""
    docs = root / "docs"
    if docs.is_dir():
        index = docs / "index.md"
        linked = links(index) if index.is_file() else set()
        for page in ours(docs, "*.md"):
            if page != index and page.resolve() not in linked:
                yield f"{page.relative_to(root)} is not linked from docs/index.md"


def dead_links(root: Path) -> Iterator[str]:
    """Yield links to files that do not exist."""
    for page in ours(root, "*.md"):
        for target in sorted(links(page)):
            if not target.exists():
                yield f"{page.relative_to(root)} links to {target.name}, which does not exist"


def missing_tests(root: Path) -> Iterator[str]:
    """Yield tests that a page names and that are not there: a guarantee with nothing behind it."""
    for page in ours(root, "*.md"):
        named = _TEST.findall(page.read_text(encoding="utf-8"))
        yield from (f"{page.relative_to(root)} names {name}, which does not exist" for name in named if not any(root.glob(name)))
