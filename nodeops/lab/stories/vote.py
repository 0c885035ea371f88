"""Organisations of a lab decide on a revision of their consortium file: by votes on the chain, with the lab's account keys."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from nodeops.core.errors import InputError
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import GENESIS_FILE, INVENTORY_HELP, inventory_folder, managed_nodes
from nodeops.document.lab_accounts import LAB_FILE
from nodeops.document.load import CONSORTIUM_FILE
from nodeops.document.models import Consortium
from nodeops.document.profile import load_profile
from nodeops.host.files import write_atomic
from nodeops.lab.spec import load_lab
from nodeops.lab.state import IDENTITIES_FOLDER, SSH_CONFIG_FILE, account_key_file
from nodeops.lab.stories.story import Step, quietly, tell

_REVISION = re.compile(r"^revision: (\d+)$", re.MULTILINE)


def revised(text: str, node: str) -> str:
    """Return the text of a consortium file with the next revision, which gives a validator power 2, or 1 again.

    Raise InputError where the text does not say revision and power in the way that a lab's does.
    """
    power = re.compile(rf"^(  {re.escape(node)}: \{{.*\bpower: )([12])\b", re.MULTILINE)
    if not _REVISION.search(text) or not power.search(text):
        raise InputError(f"does not say revision and power of {node} each on a line", where=CONSORTIUM_FILE)
    text = _REVISION.sub(lambda found: f"revision: {int(found[1]) + 1}", text)
    return power.sub(lambda found: f"{found[1]}{3 - int(found[2])}", text)


def copied(inventory: Path, at: Path, node: str) -> Path:
    """Write a folder that is the inventory but for a next revision of the consortium file, and return it."""
    at.mkdir()
    for name in (LAB_FILE, GENESIS_FILE, SSH_CONFIG_FILE):
        shutil.copy2(inventory / name, at)
    for name in ("group_vars", IDENTITIES_FOLDER, "revisions"):
        if (inventory / name).is_dir():
            shutil.copytree(inventory / name, at / name)
    (at / CONSORTIUM_FILE).write_text(revised((inventory / CONSORTIUM_FILE).read_text(encoding="utf-8"), node), encoding="utf-8")
    return at


def words(verb: str, inventory: Path, keys: Path | None = None, organisation: str = "") -> Sequence[str]:
    """Return the words of a verb of `nodeops consortium`; `keys` is the lab whose key of the organisation signs."""
    signed = ("--key", str(keys / account_key_file(organisation))) if keys else ()
    return ("nodeops", "consortium", verb, "--inventory", str(inventory), *signed)


def alone(consortium: Consortium, inventory: Path, proposed: Path) -> Iterator[Step]:
    """Yield how one organisation proposes, and nothing changes; the others reject, so that the story can be told again."""
    first, *others = consortium.organisations
    yield Step(f"{first} alone wants more power for a node of its own", words("propose", proposed, inventory, first))
    yield Step("One of three is not enough: the revision is not in force", words("status", proposed), expects=1)
    for name in others:
        yield Step(f"{name} says no", words("reject", proposed, inventory, name))
    yield Step("What is in force is what it was", words("status", inventory))


def together(consortium: Consortium, inventory: Path) -> Iterator[Step]:
    """Yield how as many organisations as must agree put the file at hand in force, and what came of it."""
    yield from agreed(consortium, inventory)
    yield Step("The validators have the power that was agreed on", ("nodeops", "fleet", "status", "--inventory", str(inventory)))


def agreed(consortium: Consortium, inventory: Path) -> Iterator[Step]:
    """Yield how as many organisations as must agree put the file at hand in force."""
    first, *others = consortium.organisations
    needed = consortium.threshold or len(consortium.organisations) // 2 + 1
    yield Step("What the next revision changes", words("diff", inventory))
    yield Step(f"{first} proposes it", words("propose", inventory, inventory, first))
    for name in others[: needed - 1]:
        yield Step(f"{name} looks at what the chain would do", words("show", inventory))
        yield Step(f"{name} agrees", words("approve", inventory, inventory, name))
    yield Step(f"{needed} of {len(consortium.organisations)} agreed: it is in force", words("status", inventory))


def in_force(inventory: Path) -> bool:
    """Tell whether the consortium file at hand is the one in force."""
    return quietly(words("status", inventory)) == 0


def vote(
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
) -> None:
    """Let the lab's organisations agree on another power of a validator. Changes consortium.yml, as members would.

    Interrupted, it goes on with the revision that the file has.
    """
    folder = inventory_folder(inventory)
    load_lab(folder)
    consortium, _ = checked_consortium(folder)
    if load_profile(consortium.ledger.platform).founding != "group":
        raise InputError("its ledger cannot ask organisations", where=str(folder), hint="docs/ledgerd.md")
    if in_force(folder):
        file = folder / CONSORTIUM_FILE
        node = managed_nodes(consortium, folder)[-1]
        write_atomic(file, revised(file.read_text(encoding="utf-8"), node).encode(), 0o644)
    tell(together(consortium, folder), Console(highlight=False))
