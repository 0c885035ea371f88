"""The texts of a lab's SSH files, and what goes into a host before its first boot. Pure."""

import re
from collections.abc import Mapping

from nodeops.core.errors import InputError
from nodeops.lab.spec import HostSpec, Lab
from nodeops.lab.state import KEY_FILE, KNOWN_HOSTS_FILE

# As the Dockerfile makes it.
USER, USER_ID = "ops", 1000
HOST_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{68}")
# A busy host may take seconds to greet; one that is not there is told at once.
_CONNECT_SECONDS = 15


def ssh_config(lab: Lab) -> str:
    """Return the lab's SSH choices, for ssh, Ansible and fabric. Paths are absolute: any working directory will do.

    Raise InputError when the folder's path cannot be written in an SSH configuration.
    """
    names = " ".join(f"{host.name} {host.address}" for host in lab.hosts)
    common = [
        f"Host {names}",
        f"  User {USER}",
        f"  IdentityFile {_quoted(lab, KEY_FILE)}",
        "  IdentitiesOnly yes",
        f"  UserKnownHostsFile {_quoted(lab, KNOWN_HOSTS_FILE)}",
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
        f"  ConnectTimeout {_CONNECT_SECONDS}",
    ]
    own = [line for host in lab.hosts for line in (f"Host {host.name} {host.address}", f"  HostName {host.address}")]
    return "\n".join(["# Written by `nodeops lab up`, removed by `nodeops lab down`.", *own, *common]) + "\n"


def _quoted(lab: Lab, file: str) -> str:
    path = str(lab.folder / file)
    if re.search(r'["\\\x00-\x1f]', path):
        raise InputError(
            "a quote, backslash or control character cannot stand in an SSH path", where=path, hint="rename the folder"
        )
    # A percent sign starts a token (%h, %u) in an SSH configuration.
    return '"' + path.replace("%", "%%") + '"'


def known_hosts(lab: Lab, host_keys: Mapping[str, str]) -> str:
    """Return the host keys under each host's name and address, in the order of the consortium file."""
    lines = (f"{host.name},{host.address} {host_keys[host.name]}" for host in lab.hosts if host.name in host_keys)
    return "".join(f"{line}\n" for line in lines)


def host_files(lab: str, host: HostSpec, cache: str = "") -> dict[str, str]:
    """Return path -> text of the files that tell a host its filesystems, whose disks lab-init makes, and the package cache."""
    found = {"etc/nodeops-lab/packages": f"{cache}\n"} if cache else {}
    if not host.filesystems:
        return found
    disks = [(_disk(lab, host.name, path), path, size) for path, size in host.filesystems]
    return found | {
        "etc/fstab": "".join(f"{disk} {path} ext4 loop 0 0\n" for disk, path, _ in disks),
        "etc/nodeops-lab/disks": "".join(f"{disk} {size}\n" for disk, _, size in disks),
    }


def _disk(lab: str, node: str, path: str) -> str:
    # Lab and node stand in the name because `losetup` on the machine shows this path and nothing else.
    return f"/var/lib/nodeops-lab/{lab}.{node}{path}.img"


def authorized_keys(public_key: str) -> str:
    """Return the content of the authorized_keys file of the lab's user."""
    return f"{public_key}\n"
