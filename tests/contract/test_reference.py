"""The reference pages say what the code says now."""

import importlib.util

import pytest

from tests.contract.rules.tree import ROOT

SPEC = importlib.util.spec_from_file_location("generate", ROOT / "docs/reference/generate.py")
assert SPEC is not None
assert SPEC.loader is not None
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)


@pytest.mark.parametrize("name", ["cli", "consortium", "controls", "metrics", "roles"])
def test_no_page_is_older_than_the_code(name):
    wanted = {path.stem: text for path, text in generate.pages(ROOT)}[name]
    page = ROOT / f"docs/reference/{name}.md"
    assert page.is_file(), "run: make docs"
    assert page.read_text(encoding="utf-8") == wanted, "run: make docs"


def test_pages_follow_the_code(plant):
    option = "{x_a: {type: int, default: 7, description: The  answer | more.}}"
    root = plant(
        {"roles/x/meta/argument_specs.yml": f"argument_specs: {{main: {{short_description: Does it., options: {option}}}}}"}
    )
    lines = list(generate.page_module("page_roles").lines(root))
    assert "| `x_a` | int | `7` | The answer \\| more. |" in lines
