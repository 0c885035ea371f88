"""What a revision of consortium.yml changes: on the chain, which m of n must order, and beside it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nodeops.document.models import Consortium
from nodeops.document.profile import load_profile
from nodeops.document.resolve import differences
from nodeops.ledger.founding.genesis import founding_powers, threshold
from nodeops.ledger.jumps import jump

Kind = Literal[
    "organisation in",
    "organisation out",
    "account",
    "validator in",
    "validator out",
    "power",
    "threshold",
    "upgrade",
]


@dataclass(frozen=True)
class Effect:
    """One thing that only the organisations together can do to the chain. `before` and `after` are empty where there is none.

    `subject` is an organisation, a node, or what the effect is of.
    """

    kind: Kind
    subject: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        """Return it as a line for people."""
        change = " -> ".join(filter(None, (self.before, self.after)))
        return f"{self.kind}: {self.subject}" + (f" ({change})" if change else "")

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON data."""
        return asdict(self)


def let_go(old: Consortium, new: Consortium) -> dict[str, str]:
    """Return the ids by which peers shall know nodes no longer, as the newer file says them, by node."""
    stays = [name for name in old.nodes if name in new.nodes]
    said = {name: new.nodes[name].former_node_id for name in stays}
    return {name: one for name, one in said.items() if one not in (None, old.nodes[name].former_node_id)}


def effects(old: Consortium, new: Consortium) -> list[Effect]:
    """Return what the chain must be told, in the order in which it is told: who decides comes last."""
    power = _power(founding_powers(old), founding_powers(new))
    return [*power, *_upgrade(old, new), *_organisations(old, new), *_threshold(old, new)]


def _power(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[Effect]:
    for name in sorted({*old, *new}):
        before, after = old.get(name, 0), new.get(name, 0)
        if before and after and before != after:
            yield Effect("power", name, str(before), str(after))
        elif after and not before:
            yield Effect("validator in", name, "", f"power {after}")
        elif before and not after:
            yield Effect("validator out", name, f"power {before}")


def _upgrade(old: Consortium, new: Consortium) -> Iterator[Effect]:
    if not _rolls(old, new):
        yield Effect("upgrade", new.ledger.platform, old.ledger.version, new.ledger.version)


def _rolls(old: Consortium, new: Consortium) -> bool:
    """Tell whether the chain need not be told of the version: it stays, or nodes go over one at a time."""
    found = jump(load_profile(new.ledger.platform), old.ledger.version, new.ledger.version)
    return found.how in ("none", "rolling")


def _organisations(old: Consortium, new: Consortium) -> Iterator[Effect]:
    for name in sorted({*old.organisations, *new.organisations}):
        before, after = old.organisations.get(name), new.organisations.get(name)
        if before is None and after is not None:
            yield Effect("organisation in", name, "", after.account or "")
        elif before is not None and after is None:
            yield Effect("organisation out", name, before.account or "")
        elif before and after and before.account != after.account:
            yield Effect("account", name, before.account or "", after.account or "")


def _threshold(old: Consortium, new: Consortium) -> Iterator[Effect]:
    before, after = threshold(old), threshold(new)
    if before != after:
        yield Effect("threshold", "organisations that must agree", str(before), str(after))


# What the chain is told of, or what names the revision itself.
_TOLD = ("revision", "threshold")


def beside(old: Consortium, new: Consortium) -> list[tuple[str, Any, Any]]:
    """Return what else differs: path, old value, new value. The chain knows of it by the digest alone."""
    found = differences(old.model_dump(mode="json"), new.model_dump(mode="json"))
    told = (
        *_TOLD,
        *([] if _rolls(old, new) else ["ledger.version"]),
        *(f"organisations.{name}.account" for name in (*old.organisations, *new.organisations)),
    )
    powered = {f"nodes.{name}.{key}" for name in (*old.nodes, *new.nodes) for key in ("power", "duty")}
    return [row for row in found if row[0] not in told and row[0] not in powered]
