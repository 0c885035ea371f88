"""The playbooks: each begins with the same tasks, and knows its own tags."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.rules.tree import ours, yaml

_BEGINNINGS = {"tasks/document.yml", "tasks/agreed.yml", "tasks/look.yml"}
_IMPORT = "ansible.builtin.import_tasks"


def playbooks(root: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Yield each playbook that has plays of its own, with them."""
    for path in ours(root / "playbooks", "*.yml"):
        plays = [play for play in yaml(path) or [] if "hosts" in play]
        if path.parent == root / "playbooks" and plays:
            yield path, plays


def other_beginnings(root: Path) -> Iterator[str]:
    """Yield playbooks whose first task is not the one that refuses unknown tags."""
    for path, (first, *_) in playbooks(root):
        tasks = [*first.get("pre_tasks", []), *first.get("tasks", [])]
        if not tasks or tasks[0].get(_IMPORT) not in _BEGINNINGS:
            yield f"{path.relative_to(root)} does not begin with {' or '.join(sorted(_BEGINNINGS))}"


def unlisted_tags(root: Path) -> Iterator[str]:
    """Yield tags that a playbook has and does not list, or lists and does not have."""
    for path, plays in playbooks(root):
        listed = {tag for play in plays for tag in (play.get("vars") or {}).get("document_tags", [])}
        for tag in sorted(listed ^ (set(_tags(plays)) - {"always"})):
            yield f"{path.relative_to(root)}: the tag {tag} is {'listed and not there' if tag in listed else 'not listed'}"


def _tags(tree: Any) -> Iterator[str]:
    """Yield every tag in a tree of plays, roles and tasks."""
    if isinstance(tree, list):
        for entry in tree:
            yield from _tags(entry)
    elif isinstance(tree, dict):
        tags = tree.get("tags", [])
        yield from [tags] if isinstance(tags, str) else tags
        for value in tree.values():
            yield from _tags(value)
