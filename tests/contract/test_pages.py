"""Documentation can be found."""

from tests.contract.rules.pages import dead_links, missing_tests, unlinked_pages
from tests.contract.rules.tree import assert_kept


def test_every_page_is_linked_from_the_index():
    assert_kept(unlinked_pages)


def test_no_link_is_dead():
    assert_kept(dead_links)


def test_no_page_names_a_test_that_is_not_there():
    assert_kept(missing_tests)


def test_tests_that_are_not_there_are_found(plant):
    root = plant({"docs/a.md": "`tests/unit/test_a.py` `tests/unit` `tests/lab/test_b.py`", "tests/unit/test_a.py": ""})
    assert list(missing_tests(root)) == ["docs/a.md names tests/lab/test_b.py, which does not exist"]


def test_pages_nobody_links_are_found(plant):
    pages = {"docs/index.md": "[a](a.md#part) `[b](b.md)`", "docs/a.md": "", "docs/b.md": "", "docs/deep/c.md": ""}
    assert list(unlinked_pages(plant(pages))) == [
        "docs/b.md is not linked from docs/index.md",
        "docs/deep/c.md is not linked from docs/index.md",
    ]


def test_a_missing_index_is_found(plant):
    assert list(unlinked_pages(plant({"docs/a.md": ""}))) == ["docs/a.md is not linked from docs/index.md"]


def test_dead_links_are_found(plant):
    root = plant({"README.md": "[gone](docs/gone.md) [here](LICENSE) [web](https://example.org/x)", "LICENSE": ""})
    assert list(dead_links(root)) == ["README.md links to gone.md, which does not exist"]
