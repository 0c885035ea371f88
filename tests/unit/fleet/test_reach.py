"""Who is asked for the chain: the managed nodes; of an organisation that left, the hosts that are not retired yet."""

from pathlib import Path

import pytest
import yaml

from nodeops.core.errors import InputError
from nodeops.fleet.reach import reach
from tests.unit.consortium.samples import changed, drop, first


def written(folder: Path, file: object, *kept: object, manages: str) -> Path:
    (folder / "revisions").mkdir()
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text(f"nodeops_manages: [{manages}]\n")
    named = {"consortium.yml": file, **{f"revisions/{number}.yml": one for number, one in enumerate(kept, 1)}}
    for name, one in named.items():
        (folder / name).write_text(yaml.safe_dump(one.model_dump(mode="json", exclude_none=True)))  # type: ignore[attr-defined]
    return folder


def dissolved() -> object:
    return changed(drop("gamma-1"), lambda tree: tree["organisations"].pop("gamma"))


def test_members_ask_their_own_nodes(tmp_path: Path) -> None:
    assert reach(written(tmp_path, dissolved(), first(), manages="alpha")).nodes == ("alpha-1", "alpha-2")


def test_who_left_with_all_nodes_asks_those(tmp_path: Path) -> None:
    found = reach(written(tmp_path, dissolved(), first(), manages="gamma"))
    assert (found.nodes, found.monitors) == (("gamma-1",), ())


def test_who_never_had_a_node_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown organisations: delta"):
        reach(written(tmp_path, dissolved(), first(), manages="delta"))
