"""The words of the lab: what is seen on an engine and in an inventory folder, and the steps that change it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nodeops.core.result import Change

LAB_FOLDER = ".lab"
KEY_FILE = f"{LAB_FOLDER}/id_ed25519"
KNOWN_HOSTS_FILE = f"{LAB_FOLDER}/known_hosts"
SSH_CONFIG_FILE = "ssh_config"
GENESIS_FILE = "genesis.json"
REVISIONS_FOLDER = "revisions"
IDENTITIES_FOLDER = "identities"
CERTIFICATES_FOLDER = "certificates"
LOG_HOSTS_FOLDER = "log_hosts"
EXPORTERS_FOLDER = "exporters"
CUSTODY_FOLDER = "custody"


def account_key_file(organisation: str) -> str:
    """Return where the key of a lab's organisation lies, relative to the inventory folder."""
    return f"{LAB_FOLDER}/accounts/{organisation}.pem"


def identity_file(node: str) -> str:
    """Return where a node's public identity lies, relative to the inventory folder."""
    return f"{IDENTITIES_FOLDER}/{node}.yml"


def published_files(node: str) -> tuple[str, ...]:
    """Return where what a host gave away lies, in the inventory folder: its identity, its certificates, its sealed keys."""
    certificates = tuple(f"{folder}/{node}.pem" for folder in (CERTIFICATES_FOLDER, LOG_HOSTS_FOLDER, EXPORTERS_FOLDER))
    return identity_file(node), *certificates, f"{CUSTODY_FOLDER}/{node}.age"


def container_name(lab: str, node: str) -> str:
    """Return the name of a host's container. The dot keeps lab `a`, node `b-c` apart from lab `a-b`, node `c`."""
    return f"nodeops-{lab}.{node}"


def network_name(lab: str) -> str:
    """Return the name of a lab's network."""
    return f"nodeops-{lab}"


class Act(StrEnum):
    """The kinds of step. The value is what a person reads: noun, before, after."""

    REMOVE_HOST = "host|present|absent"
    REMOVE_NETWORK = "network|present|absent"
    REMOVE_FILE = "file|present|absent"
    REMOVE_IMAGE = "image|present|absent"
    MAKE_KEY = "SSH key|absent|present"
    BUILD_IMAGE = "image|absent|present"
    CREATE_NETWORK = "network|absent|present"
    CREATE_HOST = "host|absent|running"
    START_HOST = "host|stopped|running"
    STOP_HOST = "host|running|stopped"
    SAVE_HOST = "host|unsaved|saved"
    RESUME_HOST = "host again|stopped|running"
    LOAD_HOST = "host|saved|running"
    FORGET_HOST = "saved host|present|absent"
    RESTORE_FILE = "file|another|as saved"
    START_CACHE = "package cache|absent|running"
    STOP_CACHE = "package cache|running|absent"
    AUTHORISE = "authorized key of|another|ours"
    WRITE_ACCESS = "SSH access|outdated|current"
    INSTALL_ENGINE = "Docker engine|absent|installed"
    START_ENGINE = "Docker engine|stopped|running"
    STOP_ENGINE = "Docker engine|running|stopped"


@dataclass(frozen=True)
class Step:
    """One thing to do to one subject (a node, a tag, a network, a file relative to the inventory), and why."""

    act: Act
    subject: str
    why: str

    @property
    def change(self) -> Change:
        """Return the step as a person and Ansible see it."""
        noun, before, after = self.act.value.split("|")
        return Change(f"{noun} {self.subject}".strip(), self.why, before, after)


@dataclass(frozen=True)
class Probe:
    """What a running host says of itself: systemd's state, failed units, its SSH host key, the keys it lets in."""

    state: str
    failed: tuple[str, ...] = ()
    host_key: str = ""
    authorized: str = ""


@dataclass(frozen=True)
class SeenHost:
    """A container with the labels of a lab.

    `features` are what it was made with, `folder` the inventory it was made for; `folder_is_lab` tells whether that
    folder still holds a lab of this name. `loaded` is the save it was made from, if any, `loaded_with` all hosts of it.
    """

    id: str
    name: str
    lab: str
    node: str
    state: str
    features: Mapping[str, str]
    folder: str
    folder_is_lab: bool = True
    probe: Probe | None = None
    loaded: str = ""
    loaded_with: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """Tell whether it runs; a paused or half-made container does not."""
        return self.state == "running"


@dataclass(frozen=True)
class SeenNetwork:
    """A network of the engine. `lab` is empty when it is not ours; `users`: address in use -> container name."""

    id: str
    name: str
    lab: str
    subnets: tuple[str, ...]
    users: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """The world before anything is done.

    `hosts` are those of one lab, `foreign_names` all other containers; `routes`: network this machine reaches ->
    interface; `images`: our image tags -> labs whose containers use them; `texts`: relative name -> content of files.
    `cache_lacks`: the package cache could run and does not; `cache_idle`: it is there, and no other lab has hosts.
    """

    hosts: Sequence[SeenHost] = ()
    foreign_names: Collection[str] = ()
    networks: Sequence[SeenNetwork] = ()
    routes: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Collection[str]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    public_key: str = ""
    loop_devices: bool = True
    cache_lacks: bool = False
    cache_idle: bool = False
