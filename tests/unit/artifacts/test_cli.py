"""The verbs: what an inventory chooses, and what is printed."""

import hashlib
import json
from pathlib import Path

import pytest

from nodeops import cli
from nodeops.artifacts.cli import chosen_override
from nodeops.core.errors import InputError

PROGRAM = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little") + b"program"
SHA256 = hashlib.sha256(PROGRAM).hexdigest()
CONSORTIUM = """\
consortium: one
revision: 1
ledger: {platform: cometbft, version: v0.38.21, chain: one-1}
organisations: {a: {}}
nodes: {a-1: {organisation: a, duty: validator, address: 192.0.2.1}}
"""


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folder = tmp_path / "inventory"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "consortium.yml").write_text(CONSORTIUM)
    (folder / "given").write_bytes(PROGRAM)
    choose(folder, f"ledger_artifact: {{source: file, path: {folder}/given, sha256: {SHA256}}}\n")
    return folder


def choose(folder: Path, text: str) -> None:
    (folder / "group_vars" / "all.yml").write_text(text)


def nodeops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(["artifact", *arguments])
    code = left.value.code
    return (code if isinstance(code, int) else 0), capsys.readouterr().out


def test_fetch_takes_the_choice_of_the_inventory_and_says_whether_it_changed(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [json.loads(nodeops(capsys, "fetch", "-i", str(inventory), "--json")[1]) for _ in range(2)]
    assert [answer["changed"] for answer in answers] == [True, False]
    assert (answers[1]["sha256"], answers[1]["version"], answers[1]["arch"]) == (SHA256, "v0.38.21", "amd64")
    assert Path(answers[1]["path"]).read_bytes() == PROGRAM


def test_list_and_verify_show_the_cache_and_exit_with_one_when_it_was_changed(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing is cached" in nodeops(capsys, "list")[1]
    found = json.loads(nodeops(capsys, "fetch", "-i", str(inventory), "--json")[1])
    assert nodeops(capsys, "verify") == (0, nodeops(capsys, "verify")[1])
    Path(found["path"]).write_bytes(b"other")
    code, out = nodeops(capsys, "verify", "--json")
    assert (code, json.loads(out)["findings"][0]["verdict"]) == (1, "fail")
    assert json.loads(nodeops(capsys, "list", "--json")[1])["artifacts"][0]["changed"] is True
    code, out = nodeops(capsys, "fetch", "-i", str(inventory), "--json")
    assert (code, json.loads(out)["error"]["hint"]) == (3, "nodeops artifact fetch --refresh")


@pytest.mark.parametrize(
    "arguments",
    [("--platform", "cometbft"), ("--version", "v0.38.21"), ("--platform", "fabric", "--version", "v1"), ("--arch", "vax")],
)
def test_wrong_arguments_are_input_errors(
    arguments: tuple[str, ...], inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nodeops(capsys, "fetch", "-i", str(inventory), *arguments)[0] == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("nodeops_manages: [a]\n", None),
        ("ledger_artifact: {}\n", None),
        ("ledger_artifact: {source: go}\n", {"source": "go"}),
    ],
)
def test_the_choice_is_read_from_group_vars(text: str, expected: dict[str, str] | None, inventory: Path) -> None:
    choose(inventory, text)
    assert chosen_override(inventory) == expected


@pytest.mark.parametrize("text", ["ledger_artifact: [1]\n", "ledger_artifact: go\n"])
def test_a_choice_that_is_no_choice_is_refused(text: str, inventory: Path) -> None:
    choose(inventory, text)
    with pytest.raises(InputError, match="is not a mapping"):
        chosen_override(inventory)
