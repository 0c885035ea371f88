"""The inventory folder of one organisation: consortium.yml, its choices in group_vars, and what members published."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nodeops.core.errors import InputError, NodeopsError
from nodeops.document.choices.choices import Choices
from nodeops.document.load import CONSORTIUM_FILE, Source, all_problems, plain, read_source
from nodeops.document.log_hosts import CHOICE, log_host_of_each
from nodeops.document.models import Consortium

INVENTORY_HELP = "Inventory folder that holds consortium.yml (default: this folder, else inventories/lab)."
GENESIS_FILE = "genesis.json"
REVISIONS_FOLDER = "revisions"
AGREED_GENESIS = "nodeops_genesis"
MANAGES = "nodeops_manages"
CHOICES = "nodeops_choices"
UNAGREED = "nodeops_unagreed"
_OURS = (MANAGES, CHOICES, AGREED_GENESIS, UNAGREED)
_CHOICES_HINT = "inventories/example/group_vars/all.yml shows what may be chosen"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DEFAULT_FOLDERS = (Path(), Path("inventories/lab"))


@dataclass(frozen=True)
class Chosen:
    """What group_vars/all.yml says to nodeops: the organisations this controller manages, and the choices for their nodes.

    `genesis` is the SHA-256 of the genesis.json that was compared with other members, None when nobody said so. `source` is the
    file, for callers that report lines.
    """

    manages: tuple[str, ...]
    choices: Mapping[str, Any]
    genesis: str | None = None
    source: Source | None = None


def inventory_folder(given: Path | None) -> Path:
    """Return the inventory folder: the one given (or that of a file given), else the first default that has a consortium file."""
    if given is not None:
        folder = given.parent if given.is_file() else given
        if not (folder / CONSORTIUM_FILE).is_file():
            raise InputError(f"no {CONSORTIUM_FILE} there", where=str(given), hint="copy inventories/example to start one")
        return folder
    for folder in _DEFAULT_FOLDERS:
        if (folder / CONSORTIUM_FILE).is_file():
            return folder
    raise InputError(f"no {CONSORTIUM_FILE} here", where=str(Path.cwd()), hint="name the inventory folder with --inventory")


def chosen(folder: Path) -> Chosen:
    """Return the choices of the organisation whose inventory this is. No group_vars: nothing is managed, nothing chosen."""
    file = folder / "group_vars" / "all.yml"
    if not file.is_file():
        return Chosen((), {})
    source = read_source(file)
    tree = plain(source.tree) or {}
    if not isinstance(tree, dict):
        raise InputError("is not a mapping of variables", where=f"{file}:1")
    _require_ours(tree, source)
    manages = tree.get(MANAGES, [])
    if not isinstance(manages, list) or not all(isinstance(name, str) for name in manages):
        raise InputError("nodeops_manages is not a list of organisation names", where=source.where([MANAGES]))
    choices = tree.get(CHOICES, {})
    if not isinstance(choices, dict):
        raise InputError("nodeops_choices is not a mapping", where=source.where([CHOICES]))
    return Chosen(tuple(manages), choices, _agreed_genesis(tree.get(AGREED_GENESIS), source), source)


def checked_choices(folder: Path) -> Choices:
    """Return what `chosen` found as choices. Raise InputError that names every unknown or impossible one with its line."""
    found = chosen(folder)
    try:
        return Choices.model_validate(dict(found.choices))
    except ValidationError as error:
        assert found.source is not None  # noqa: S101 - choices that are wrong stand in a file
        raise all_problems(found.source, error, Choices, hint=_CHOICES_HINT, below=(CHOICES,)) from error


def check_other_choices(folder: Path) -> None:
    """Raise InputError for choices that are wrong in files of single groups and hosts, where they replace those of all.yml.

    What Ansible fills in there is judged when it has done so, before the host is changed.
    """
    files = [file for kind in ("group_vars", "host_vars") for file in (folder / kind).rglob("*.y*ml") if file.is_file()]
    found = (_wrong_choices(file) for file in sorted(files) if file != folder / "group_vars" / "all.yml")
    if problems := [one for one in found if one]:
        raise InputError.of_all(problems)


def _wrong_choices(file: Path) -> InputError | None:
    try:
        source = read_source(file)
        tree = plain(source.tree)
        # A vault that is a file is one long word.
        if not isinstance(tree, dict):
            return None
        _require_ours(tree, source)
        choices = tree.get(CHOICES, {})
        if "{{" not in str(choices):
            Choices.model_validate(choices)
    except InputError as error:
        return error
    except ValidationError as error:
        return all_problems(source, error, Choices, hint=_CHOICES_HINT, below=(CHOICES,))
    return None


def _require_ours(tree: Mapping[Any, Any], source: Source) -> None:
    strange = sorted(str(key) for key in tree if str(key).startswith("nodeops_") and key not in _OURS)
    if strange:
        raise InputError(f"unknown variable '{strange[0]}'", where=source.where([strange[0]]), allowed=", ".join(_OURS))


def check_log_hosts(consortium: Consortium, folder: Path) -> None:
    """Raise InputError, with its line, for log hosts that the consortium file does not have, or two of one organisation."""
    source, named = chosen(folder).source, checked_choices(folder).hardening.log_hosts
    log_host_of_each(consortium, named, source.where([CHOICES, "hardening", CHOICE]) if source else str(folder))


def _agreed_genesis(value: Any, source: Source) -> str | None:
    if value is None or (isinstance(value, str) and _SHA256.fullmatch(value)):
        return value
    allowed = "64 hex digits in quotes, as sha256sum genesis.json says it"
    raise InputError(f"{AGREED_GENESIS} is not a SHA-256", where=source.where([AGREED_GENESIS]), allowed=allowed)


def managed_nodes(consortium: Consortium, folder: Path) -> list[str]:
    """Return the names of the nodes this controller manages, sorted: none of an organisation that left.

    Raise InputError for an organisation that was never known here.
    """
    found = chosen(folder)
    manages = found.manages
    unknown = [name for name in manages if name not in consortium.organisations and not _was_member(folder, name)]
    if unknown:
        raise InputError(
            f"nodeops_manages names unknown organisations: {', '.join(unknown)}",
            where=found.source.where([MANAGES]) if found.source else str(folder),
            allowed=", ".join(consortium.organisations),
        )
    return sorted(name for name, node in consortium.nodes.items() if node.organisation in manages)


def _was_member(folder: Path, organisation: str) -> bool:
    """Tell whether a kept revision names an organisation: its hosts are still to be retired. Damaged files say nothing."""
    for file in (folder / REVISIONS_FOLDER).glob("*.yml"):
        try:
            tree = plain(read_source(file).tree)
        except NodeopsError:
            continue
        if isinstance(tree, dict) and organisation in (tree.get("organisations") or {}):
            return True
    return False
