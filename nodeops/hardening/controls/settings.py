"""What a control can set on a host, kind by kind: the shapes of `[[controls.sets]]` in controls/*.toml. Pure."""

from typing import Annotated, Literal

from pydantic import Field

from nodeops.document.models import Model
from nodeops.hardening.controls.strictness import Bound

Mode = Annotated[str, Field(pattern=r"^0[0-7]{3}$|^[0-7]{4}$")]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00-\x20]*$")]


class Sshd(Model):
    """A keyword of sshd_config, in our drop-in that sorts first (the first value wins). Live: `sshd -T`, and every Match block.

    `bound` says which other values are as good: what a site chose stricter stays. `factor` is the method that the keyword
    switches: it may be on where AuthenticationMethods asks for it after a key.
    """

    kind: Literal["sshd"]
    key: str
    value: str
    bound: Bound = "exact"
    factor: Literal["password", "keyboard-interactive"] | None = None


class HostKey(Model):
    """A key of the SSH server that is made when it is absent, and removed by an undo. It never leaves the host."""

    kind: Literal["host_key"]
    path: AbsolutePath
    type: Literal["rsa", "ed25519"]
    bits: Annotated[int, Field(ge=256, le=16384)]


class Sysctl(Model):
    """A kernel parameter. `accept` are other values that are as good. Live: /proc/sys; a container can set net.* only.

    A `*` in the key stands for every network interface, as in sysctl.d(5); `all` and `default` are parameters of their own. It
    is needed where the kernel takes the looser of `all` and the interface, or looks at the interface alone.
    """

    kind: Literal["sysctl"]
    key: str
    value: str
    accept: list[str] = Field(default_factory=list)


class Modprobe(Model):
    """A kernel module that must not be loaded: `install MODULE /bin/false` and `blacklist MODULE`."""

    kind: Literal["modprobe"]
    module: str


class SystemdConf(Model):
    """A key of one of systemd's own configuration files, in a drop-in. Live: the merged value, and a service started after.

    `file` is such as "journald.conf"; the drop-in is /etc/systemd/<file>.d/90-nodeops.conf. `service` is restarted when
    the drop-in changes.
    """

    kind: Literal["systemd_conf"]
    file: str
    section: str
    key: str
    value: str
    service: str | None = None


class Unit(Model):
    """A directive in a drop-in of a unit: /etc/systemd/system/<unit>.d/90-nodeops.conf. Never the ledger's unit.

    `restart` says whether the unit is restarted to take it on; else it counts from its next start.
    """

    kind: Literal["unit"]
    unit: str
    section: str = "Service"
    key: str
    value: str
    restart: bool = True


class Exposure(Model):
    """The most that `systemd-analyze security` may say of a unit, 0 to 10. Only judged, sets nothing."""

    kind: Literal["exposure"]
    unit: str
    at_most: Annotated[float, Field(ge=0, le=10)]


class Service(Model):
    """A unit that must run at boot (enabled), or must never start (masked; one that is not installed is fine)."""

    kind: Literal["service"]
    unit: str
    state: Literal["enabled", "masked"]


class Package(Model):
    """A Debian package that must be there or must not. All are installed by one call of apt-get."""

    kind: Literal["package"]
    name: str
    state: Literal["present", "absent"]


class Lines(Model):
    """Lines of a drop-in that is ours alone: `path` holds the lines of all applied controls, in the order of their ids.

    Live: the file holds them; `validate` names the checker of the merged whole, if there is one. `reload` is a command
    run once when the file changed.
    """

    kind: Literal["lines"]
    path: AbsolutePath
    lines: Annotated[list[str], Field(min_length=1)]
    mode: Mode = "0644"
    reload: list[str] = Field(default_factory=list)


class KeyValue(Model):
    """A key of a vendor's file that has no drop-in folder (login.defs, pwquality.conf): edited in place, the original is kept.

    `bound` says which other values are as good: they stay. A line that begins with the word `until` ends what is for everyone:
    ours stand before it.
    """

    kind: Literal["key_value"]
    path: AbsolutePath
    key: str
    value: str
    separator: str = " "
    bound: Bound = "exact"
    until: str = ""


class Content(Model):
    """The whole content of a vendor's file (/etc/issue). `{banner}` stands for the organisation's text. The original is kept.

    `reload` is a command run once when the file changed.
    """

    kind: Literal["content"]
    path: AbsolutePath
    content: str
    mode: Mode = "0644"
    reload: list[str] = Field(default_factory=list)


class FileMode(Model):
    """Owner and permission bits of a file or folder, or of all that a pattern finds (they keep their owners).

    Also written as a `z` line of tmpfiles.d. One that is absent is fine.
    """

    kind: Literal["mode"]
    path: AbsolutePath
    mode: Mode
    user: str = "root"
    group: str = "root"


class Pam(Model):
    """A profile for pam-auth-update: /usr/share/pam-configs/<name>. Live: /etc/pam.d/common-* hold its lines."""

    kind: Literal["pam"]
    name: str
    content: str


class PasswordAge(Model):
    """After how many days the password of an account must be changed. Live: /etc/shadow."""

    kind: Literal["password_age"]
    account: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
    max_days: Annotated[int, Field(ge=1, le=9999)]


class MountFlag(Model):
    """A flag of a filesystem that is mounted, put in force at once. Live: /proc/self/mountinfo; one not mounted is fine.

    What holds after a boot is for /etc/fstab to say: a `key_value` of the same control.
    """

    kind: Literal["mount_flag"]
    path: AbsolutePath
    flag: Literal["nodev", "noexec", "nosuid"]


class KernelCommandLine(Model):
    """A parameter of the kernel's command line, in /etc/default/grub.d. Live: /proc/cmdline, after the next boot."""

    kind: Literal["kernel_command_line"]
    parameter: str


class Check(Model):
    """A fact that is only judged: `name` is a function of the engine (checks.py). `hint` says what a person must do."""

    kind: Literal["check"]
    name: str
    hint: str


class Receiver(Model):
    """Another host that takes what this one sends, over TLS, each side known by its certificate. Only judged, sets nothing.

    `name` must stand in its certificate, which the file `trust` vouches for; `certificate` and `key` are this host's. `queue` is
    a pattern of the files in which lines wait for it. `hint` says what a person must do.
    """

    kind: Literal["receiver"]
    address: str
    port: str
    name: str
    trust: str
    certificate: str
    key: str
    queue: AbsolutePath
    hint: str


# What sets nothing: what is wrong there is for a person to put right.
JUDGED_ONLY = (Check, Receiver)

Setting = Annotated[
    Sshd
    | HostKey
    | Sysctl
    | Modprobe
    | SystemdConf
    | Unit
    | Exposure
    | Service
    | Package
    | Lines
    | KeyValue
    | Content
    | FileMode
    | Pam
    | PasswordAge
    | MountFlag
    | KernelCommandLine
    | Check
    | Receiver,
    Field(discriminator="kind"),
]
