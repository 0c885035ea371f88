#!/usr/bin/python3
"""Observe a host before the agent is there, with the host's own Python and nothing else. Changes nothing."""

import glob
import hashlib
import json
import os
import platform
import socket
import struct
import sys
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nodeops_observe
short_description: Observe a host without changing it
options:
  packages: {description: Debian packages to look for., type: list, elements: str, default: []}
  filesystems: {description: Paths whose filesystems matter., type: list, elements: path, default: []}
  ports: {description: TCP ports to look for., type: list, elements: int, default: []}
  hash: {description: Files to name by their SHA-256., type: list, elements: path, default: []}
  links: {description: Links to read., type: list, elements: path, default: []}
  names: {description: What nodeops/host/names.py is asked., type: dict, default: {}}
  names_program: {description: The text of nodeops/host/names.py., type: str, default: ""}
"""

RETURN = r"""
observed: {description: What was seen; judged by nodeops.document.preflight., type: dict, returned: always}
hashes: {description: SHA-256 by path; null where there is no such file., type: dict, returned: always}
targets: {description: Link targets by path; null where there is no link., type: dict, returned: always}
"""

# Linux, include/net/tcp_states.h: TCP_LISTEN; a UDP socket that anybody may write to has the number of TCP_CLOSE.
SOCKET_TABLES = (
    ("/proc/net/tcp", "tcp", "0A", socket.AF_INET),
    ("/proc/net/tcp6", "tcp", "0A", socket.AF_INET6),
    ("/proc/net/udp", "udp", "07", socket.AF_INET),
    ("/proc/net/udp6", "udp", "07", socket.AF_INET6),
)


def main() -> None:
    """Look, and report."""
    options = {"type": "list", "elements": "path", "default": []}
    module = AnsibleModule(
        {
            "packages": {"type": "list", "elements": "str", "default": []},
            "filesystems": options,
            "ports": {"type": "list", "elements": "int", "default": []},
            "hash": options,
            "links": options,
            "names": {"type": "dict", "default": {}},
            "names_program": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    wanted: dict[str, Any] = module.params
    observed = {
        "os": os_release(),
        "architecture": platform.machine(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "systemd": os.path.isdir("/run/systemd/system"),
        "virtualization": virtualization(module),
        "time_synchronised": os.path.exists("/run/systemd/timesync/synchronized") or None,
        "filesystems": [filesystem(path) for path in wanted["filesystems"]],
        "listening": listening(wanted["ports"]),
        "login": login(),
        **names(module, wanted["names_program"], wanted["names"]),
        "packages_missing": missing_packages(module, wanted["packages"]),
        "time": time.time(),
    }
    hashes = {path: sha256(path) for path in wanted["hash"]}
    targets = {path: os.readlink(path) if os.path.islink(path) else None for path in wanted["links"]}
    module.exit_json(changed=False, observed=observed, hashes=hashes, targets=targets)


def os_release() -> "dict[str, str]":
    """Return id and version_id of /etc/os-release; empty when unknown."""
    with open("/etc/os-release", encoding="utf-8") as file:
        pairs = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    return {key.lower(): pairs.get(key, "").strip('"') for key in ("ID", "VERSION_ID")}


def virtualization(module: AnsibleModule) -> str:
    """Return what systemd-detect-virt says, 'none' on bare metal, 'unknown' without it."""
    _, out, _ = module.run_command(["systemd-detect-virt"])
    return out.strip() or "unknown"


def filesystem(path: str) -> "dict[str, Any]":
    """Return the room on the filesystem that holds a path, or would hold it. Sizes in bytes."""
    present = path
    while not os.path.exists(present):
        present = os.path.dirname(present)
    room = os.statvfs(present)
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    return {"path": path, "free_bytes": free, "total_bytes": total, "free_inodes": room.f_favail}


def names(module: AnsibleModule, program: str, asked: "dict[str, Any]") -> "dict[str, Any]":
    """Return who has the names that a node uses; the program that looks is the agent's own, for a host without an agent."""
    if not program:
        return {}
    words = [sys.executable, "-I", "-", json.dumps(asked)]
    _, out, _ = module.run_command(words, data=program, check_rc=True)
    return {"names": json.loads(out)}


def login() -> "dict[str, Any] | None":
    """Return where the SSH connection above this process came from, and the port it came to; None without one.

    sudo does not hand SSH_CONNECTION on, so the environments of the session's own processes are read.
    """
    process = os.getpid()
    while process > 1:
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                pairs = dict(entry.split("=", 1) for entry in os.fsdecode(file.read()).split("\0") if "=" in entry)
            with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
                process = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return None
        words = pairs.get("SSH_CONNECTION", "").split()
        if len(words) == 4 and words[3].isdigit():
            return {"address": words[0].partition("%")[0], "port": int(words[3])}
    return None


def listening(ports: "list[int]") -> "list[dict[str, Any]]":
    """Return who listens on the ports asked for, over TCP and UDP, IPv4 and IPv6."""
    found = []
    for table, protocol, state, family in SOCKET_TABLES:
        if not os.path.exists(table):
            continue
        with open(table, encoding="ascii") as file:
            rows = [line.split() for line in file][1:]
        for row in rows:
            address, port = row[1].rsplit(":", 1)
            if row[3] == state and int(port, 16) in ports:
                place = {"port": int(port, 16), "address": readable(address, family), "protocol": protocol}
                found.append({**place, **owner(row[9])})
    return found


def readable(address: str, family: int) -> str:
    """Return an address of /proc/net in its usual spelling: the kernel prints it in words of host byte order."""
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))


def owner(inode: str) -> "dict[str, Any]":
    """Return the process and the systemd unit that hold a socket; null where they cannot be seen."""
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) != f"socket:[{inode}]":
                continue
            process = link.split("/")[2]
            return {"process": first_line(f"/proc/{process}/comm"), "unit": unit(process)}
        except OSError:
            continue
    return {"process": None, "unit": None}


def unit(process: str) -> "str | None":
    """Return the systemd unit of a process, from its cgroup."""
    with open(f"/proc/{process}/cgroup", encoding="utf-8") as file:
        names = [part for line in file for part in line.strip().split("/") if part.endswith((".service", ".scope"))]
    return names[-1] if names else None


def first_line(path: str) -> str:
    """Return the first line of a file."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().strip()


def missing_packages(module: AnsibleModule, packages: "list[str]") -> "list[str]":
    """Return the packages that are not installed. `one | another` asks for either; what provides a package counts as it."""
    _, out, _ = module.run_command(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}, ${Provides}\n"])
    rows = [line.partition(" ")[2] for line in out.splitlines() if line.startswith("installed ")]
    installed = {name.split()[0] for row in rows for name in row.split(",") if name.strip()}
    wanted = [[name.strip() for name in package.split("|")] for package in packages]
    return sorted(choice[0] for choice in wanted if not installed & set(choice))


def sha256(path: str) -> "str | None":
    """Return the SHA-256 of a regular file, or None."""
    if not os.path.isfile(path):
        return None
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


if __name__ == "__main__":
    main()
