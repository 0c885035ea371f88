"""What was observed on a host: not trusted, so typed and bounded."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_TEXT_LIMIT = 200


class Facts(BaseModel):
    """A part of it. Keys that this version does not know are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", defer_build=True)


Text = Annotated[str, Field(max_length=_TEXT_LIMIT)]
# As the kernel counts.
Count = Annotated[int, Field(ge=0, lt=1 << 64)]


class OperatingSystem(Facts):
    """ID and VERSION_ID of /etc/os-release; empty when there are none."""

    id: Text = ""
    version_id: Text = ""


class Filesystem(Facts):
    """The room where `path` is, or would be made. Sizes in bytes; inodes are None where the filesystem does not count them."""

    path: Text
    free_bytes: Count
    total_bytes: Count
    free_inodes: Count | None = None


class Listener(Facts):
    """A socket that listens; process and unit are None when they could not be seen."""

    port: Annotated[int, Field(ge=1, le=65535)]
    address: Text
    protocol: Literal["tcp", "udp"] = "tcp"
    process: Text | None = None
    unit: Text | None = None


class Login(Facts):
    """The SSH connection that the host was looked at over: where it came from, and the port it came to."""

    address: Text
    port: Annotated[int, Field(ge=1, le=65535)]


class Account(Facts):
    """An account and the group of its name. `uid` is None without the account, `group` without the group.

    `members` are other accounts in the group, with its number as their own group, or with the account's number.
    """

    uid: int | None = None
    gid: int | None = None
    home: Text | None = None
    shell: Text | None = None
    group: int | None = None
    members: Annotated[list[Text], Field(max_length=10_000)] = []


class PathOwner(Facts):
    """Who has a path that exists. `link` is where it leads when it is one; then the rest is said of what is there."""

    path: Text
    owner: Text
    mode: int
    folder: bool
    link: Text | None = None


class UnitFile(Facts):
    """A file of a unit with a name of ours, and whether we wrote it."""

    path: Text
    ours: bool


class NameFacts(Facts):
    """Who has the names that we use on a host. `account` is None when there is neither account nor group; `daemons` are those
    accounts of our other programs that are there, by name."""

    account: Account | None = None
    daemons: Annotated[dict[Text, Account], Field(max_length=100)] = {}
    paths: Annotated[list[PathOwner], Field(max_length=100)] = []
    units: Annotated[list[UnitFile], Field(max_length=1000)] = []


class HostFacts(Facts):
    """What was observed of one host.

    `login` is None at a console; `time` is in Unix seconds; `time_synchronised` is None when it cannot be told.
    """

    os: OperatingSystem
    architecture: Text
    python: Text
    systemd: bool
    time: Annotated[float, Field(allow_inf_nan=False)]
    time_synchronised: bool | None = None
    virtualization: Text = "none"
    filesystems: Annotated[list[Filesystem], Field(max_length=100)] = []
    listening: Annotated[list[Listener], Field(max_length=10_000)] = []
    login: Login | None = None
    names: NameFacts = NameFacts()
    packages_missing: Annotated[list[Text], Field(max_length=1000)] = []
