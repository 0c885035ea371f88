"""A small whole consortium file, and ways to spoil it."""

from pathlib import Path

GOOD = """\
---
consortium: battery-ledger
revision: 3
ledger: {platform: cometbft, version: v0.38.21, chain: battery-1}
organisations:
  telecom: {contact: noc@telecom.example}
  maker: {}
nodes:
  tel-1:
    organisation: telecom
    duty: validator
    power: 2
    address: 10.0.0.1
  tel-2: {organisation: telecom, duty: witness, address: 10.0.0.2}
  mak-1: {organisation: maker, duty: validator, address: "FD00::1", site: north}
  mak-2: {organisation: maker, duty: validator, address: Node2.Maker.Example}
  mak-3: {organisation: maker, duty: validator, address: 10.0.0.3}
monitors:
  tel-mon: {organisation: telecom, address: 10.0.0.9}
"""


def inventory(folder: Path, text: str = GOOD, choices: str | None = None) -> Path:
    """Write an inventory folder and return it."""
    folder.mkdir(exist_ok=True)
    (folder / "consortium.yml").write_text(text)
    if choices is not None:
        (folder / "group_vars").mkdir(exist_ok=True)
        (folder / "group_vars/all.yml").write_text(choices)
    return folder


def with_change(old: str, new: str) -> str:
    """Return the good file with one text replaced; the text must be there."""
    assert old in GOOD
    return GOOD.replace(old, new, 1)
