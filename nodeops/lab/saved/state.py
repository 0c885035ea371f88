"""The words of saved labs: what one is made of, and what its images say of it. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

REPOSITORY = "nodeops-lab-saved"
# What made a lab, and must be the same again for a save to fit.
INVENTORY, TREE, IMAGE = "consortium.yml and lab.yml", "the project that converged them", "the lab image"


@dataclass(frozen=True)
class MadeOf:
    """What made the hosts of a lab: name of a part -> digest. Parts must fit; `choices` may change on hosts that stand."""

    parts: Mapping[str, str]
    choices: str

    def differing(self, other: "MadeOf") -> list[str]:
        """Return the parts that differ."""
        return sorted(part for part in self.parts if self.parts[part] != other.parts.get(part))


@dataclass(frozen=True)
class Card:
    """What the image of one host says: which save it belongs to, and what `load` needs to make the host again.

    `id` names one call of `save`, `hosts` all hosts it saved; `features` are what the container was made with; `files`: the
    public identity of this host and the genesis, relative to the inventory folder -> content.
    """

    name: str
    id: str
    lab: str
    node: str
    hosts: Sequence[str]
    made_of: MadeOf
    features: Mapping[str, str]
    files: Mapping[str, str]

    def text(self) -> str:
        """Return the card as the value of a label."""
        return json.dumps(self, default=vars, sort_keys=True)


def read_card(text: str) -> Card | None:
    """Return the card of a label; none when it is of another form."""
    try:
        tree = json.loads(text)
        return Card(**{**tree, "made_of": MadeOf(**tree["made_of"])})
    except (ValueError, TypeError, KeyError):
        return None


def key_of(name: str, identifier: str) -> str:
    """Return what names one call of `save`, in tags and on hosts that were made from it."""
    return f"{name}-{identifier}"


def tag_of(card: Card) -> str:
    """Return the tag of a saved host's image."""
    return f"{REPOSITORY}:{key_of(card.name, card.id)}.{card.node}"


@dataclass(frozen=True)
class SavedHost:
    """The image of one host: its tag, when it was made (seconds since 1970), the bytes it takes beside the lab image."""

    tag: str
    made: int
    bytes: int
    card: Card


@dataclass(frozen=True)
class Save:
    """All images of one call of `save`, by node."""

    name: str
    id: str
    hosts: Mapping[str, SavedHost]
    expected: Sequence[str] = field(default_factory=tuple)

    @property
    def key(self) -> str:
        """Return what hosts that were made from it carry."""
        return key_of(self.name, self.id)

    @property
    def complete(self) -> bool:
        """Tell whether every host is there; a save that was killed is not."""
        return set(self.hosts) == set(self.expected)

    @property
    def made(self) -> int:
        """Return when its last image was made, in seconds since 1970."""
        return max(host.made for host in self.hosts.values())

    @property
    def bytes(self) -> int:
        """Return how much room its images take beside those they were made from."""
        return sum(host.bytes for host in self.hosts.values())

    @property
    def first(self) -> Card:
        """Return one card, for what all of them say."""
        return next(iter(self.hosts.values())).card


def saves_of(hosts: Sequence[SavedHost]) -> list[Save]:
    """Return the saves that images make up, the newest first."""
    groups: dict[tuple[str, str], dict[str, SavedHost]] = {}
    for host in hosts:
        groups.setdefault((host.card.name, host.card.id), {})[host.card.node] = host
    saves = [Save(name, identifier, found, next(iter(found.values())).card.hosts) for (name, identifier), found in groups.items()]
    return sorted(saves, key=lambda save: save.made, reverse=True)


def current(name: str, saves: Sequence[Save]) -> Save | None:
    """Return the newest save of a name that is complete, else the newest; none when there is none."""
    named = [save for save in saves if save.name == name]
    return next((save for save in named if save.complete), named[0] if named else None)
