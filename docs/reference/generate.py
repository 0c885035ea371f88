"""Write the reference pages from the code they describe. `make docs` runs this; a contract test fails when a page is older."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
NOTE = "<!-- Written by `make docs` from the code. Change the code, then run it again. -->"


def page_module(name: str) -> ModuleType:
    """Return the module beside this one that knows how to write one page."""
    spec = importlib.util.spec_from_file_location(f"reference_{name}", HERE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path and text of each reference page."""
    for name in ("cli", "consortium", "controls", "metrics", "roles"):
        lines = page_module(f"page_{name}").lines(root)
        yield root / "docs/reference" / f"{name}.md", "\n".join([NOTE, "", *lines]) + "\n"


def main() -> None:
    """Write every page that differs."""
    for path, text in pages(HERE.parents[1]):
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(HERE.parents[1])}\n")


if __name__ == "__main__":
    main()
