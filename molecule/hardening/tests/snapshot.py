"""Everything on a host that hardening could leave behind: every file of /etc, live settings, services, packages, modes."""

import json
from typing import Any

import remote

# It runs on the host, with the host's own Python and nothing else.
_TAKE = r"""
import hashlib, json, os, stat, subprocess

def entry(path, content):
    seen = os.lstat(path)
    what = ""
    if stat.S_ISLNK(seen.st_mode):
        what = "-> " + os.readlink(path)
    elif content and stat.S_ISREG(seen.st_mode):
        what = hashlib.sha256(open(path, "rb").read()).hexdigest()
    return f"{stat.filemode(seen.st_mode)} {seen.st_uid}:{seen.st_gid} {what}".strip()

def tree(top, content):
    found = {top: entry(top, content)}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            try:
                found[path] = entry(path, content)
            except OSError:
                pass
    return found

def sysctls():
    found = {}
    for folder, _, files in os.walk("/proc/sys/net"):
        for name in files:
            path = os.path.join(folder, name)
            try:
                found[path.removeprefix("/proc/sys/")] = open(path).read().strip()
            except OSError:
                pass
    return found

def says(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout.splitlines()

files = tree("/etc", True) | tree("/usr/share/pam-configs", True) | tree("/usr/local", True)
for top in ("/boot", "/home", "/root", "/var/log", "/var/spool", "/usr/bin", "/usr/sbin"):
    files |= tree(top, False)
for path in ("/tmp", "/var/tmp", "/var", "/usr", "/run", "/run/lock", "/dev/shm"):
    files[path] = entry(path, False)
enabled = says("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain")
active = says("systemctl", "list-units", "--all", "--no-legend", "--no-pager", "--plain", "--type=service,timer,socket,path")
accounts = {}
for name in ("passwd", "group", "shadow", "gshadow"):
    for row in open(f"/etc/{name}"):
        accounts[f"{name} {row.partition(':')[0]}"] = row.strip()
print(json.dumps({
    "files": files,
    "sysctl": sysctls(),
    "enabled": {row.split()[0]: row.split()[1] for row in enabled if row.split()[1] != "transient"},
    # What a timer has begun just now ends by itself: whether one is at work at a moment says nothing.
    "active": {row.split()[0]: "inactive" if "activating" in row.split()[2] else row.split()[2] for row in active},
    "accounts": accounts,
    "packages": {row.split()[0]: row.split()[1] for row in says("dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n")},
    "mounts": {row.split()[4]: row.split()[5] for row in open("/proc/self/mountinfo") if row.split()[4].startswith("/dev")},
    "sshd": dict.fromkeys(says("sshd", "-T"), "in force"),
}))
"""
Snapshot = dict[str, dict[str, str]]


def take(node: str) -> Snapshot:
    """Return what is there now."""
    found: Snapshot = json.loads(remote.script(node, _TAKE))
    return found


def stock(node: str) -> Snapshot:
    """Return what was there before anything of ours was (stock.py)."""
    found: Snapshot = json.loads((remote.BUILD / f"stock-{node}.json").read_text(encoding="utf-8"))
    return found


def differences(before: Snapshot, after: Snapshot, ignore: tuple[str, ...] = ()) -> list[str]:
    """Return what is not as it was, one line each; names that begin with one of `ignore` may differ."""
    return [
        f"{kind} {name}: {was} -> {now}"
        for kind in before
        for name, was, now in _compared(before[kind], after[kind])
        if was != now and not name.startswith(ignore)
    ]


def _compared(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, Any, Any]]:
    return [(name, before.get(name, "absent"), after.get(name, "absent")) for name in sorted(before.keys() | after.keys())]
