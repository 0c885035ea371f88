"""Give the ledger's log a filesystem of its own, and container logs a limit: called by the role, once a host."""

import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.result import Change
from nodeops.disk.guard.unit import GUARD
from nodeops.disk.log_filesystem.moving import Target, going_on_in_the_copy, move
from nodeops.disk.log_filesystem.plan import LABEL, MOUNT, STOP, STOP_GUARD, LogPlace, plan, wanted
from nodeops.disk.policy.policy import Policy
from nodeops.disk.resolve import policy_of
from nodeops.document.models import NodeDocument
from nodeops.host.command import run
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.lock import turn_folder
from nodeops.host.units import systemd, undo_timer
from nodeops.ledger.node.rejoin import part_taken, rejoin
from nodeops.logstore.intents import open_journal
from nodeops.logstore.naming import STREAM

Leave = Callable[[], object]
_QUICK_SECONDS, _MOVE_SECONDS, _REJOIN_SECONDS = 30, 1800, 300
_WRITE = "write"
_BACK = "nodeops-disk-back"
_UNITS = Path("/etc/systemd/system")
DOCKER = Path("/etc/docker/daemon.json")
# The engine's own defaults are no limit at all: a chatty container fills the disk (docs.docker.com, "local" driver).
DOCKER_LIMITS = {"log-driver": "local", "log-opts": {"max-size": "20m", "max-file": "5"}}


def observe(document: NodeDocument) -> LogPlace:
    """Return where the log lies now. Raise HostError when the folder is not there."""
    folder = Path(document.ledger.paths["log_directory"])
    room = os.statvfs(document.paths["state"])
    device = document.limits.disk.log_device
    try:
        content = sum(file.lstat().st_blocks * 512 for file in folder.rglob("*"))
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(folder), hint="run ansible-playbook site.yml") from error
    return LogPlace(
        folder=str(folder),
        mounted=folder.is_mount(),
        content=content,
        running=bool(systemd.unit(document.ledger.unit).pid),
        guarded=bool(systemd.unit(GUARD).pid),
        total=_device_bytes(device) if device else room.f_frsize * (room.f_blocks - room.f_bfree + room.f_bavail),
        free=room.f_frsize * room.f_bavail,
        device_holds=_signature(device) if device else "",
    )


def _device_bytes(device: str) -> int:
    done = run(["blockdev", "--getsize64", device], timeout_seconds=_QUICK_SECONDS, allowed_codes=range(256))
    return int(done.stdout.strip() or 0)


def _signature(device: str) -> str | None:
    """Return what a device holds: our label, another signature, "" when it is blank; None when there is no such device."""
    try:
        if not stat.S_ISBLK(Path(device).stat().st_mode):
            return "no block device"
    except OSError:
        return None
    # blkid(8): with --probe it looks at the device itself; 2 says that it found nothing.
    done = run(["blkid", "--probe", "--output", "export", device], timeout_seconds=_QUICK_SECONDS, allowed_codes=(0, 2))
    found = dict(line.split("=", 1) for line in done.stdout.decode(errors="replace").splitlines() if "=" in line)
    if not found:
        return ""
    return LABEL if found.get("LABEL") == LABEL else str(found.get("TYPE") or found.get("PTTYPE") or "something")


def planned(document: NodeDocument, may_stop: bool) -> list[Change]:
    """Return what `prepare` would do. Raise as `plan.plan`."""
    isolating = plan(document.limits.disk, observe(document), may_stop) if wanted(document.limits.disk) else []
    return [*isolating, *_docker_changes()]


def _docker_changes() -> list[Change]:
    if not DOCKER.parent.is_dir() or DOCKER.exists():
        return []
    return [Change(f"{_WRITE} {DOCKER}", "container logs without a limit fill the disk", "absent", json.dumps(DOCKER_LIMITS))]


def carry_out(document: NodeDocument, changes: Sequence[Change], leave: Leave) -> None:
    """Do what was planned. What was stopped for it is started again, also when something failed.

    `leave` is asked before the ledger is stopped; it raises Refused when the others need this node.
    """
    what = [change.what for change in changes]
    if STOP in what:
        leave()
    if any(one.startswith(_WRITE) for one in what):
        write_atomic(DOCKER, json.dumps(DOCKER_LIMITS, indent=2).encode() + b"\n", 0o644)
    if not any(one.startswith(MOUNT) for one in what):
        return
    unit, part = document.ledger.unit, part_taken(document) if STOP in what else None
    stopped = [name for name, why in ((unit, STOP), (GUARD, STOP_GUARD)) if why in what]
    with away(stopped, turn_folder(Path(document.paths["state"]))):
        _isolate(document)
    if part is not None:
        rejoin(document, part, _REJOIN_SECONDS, lambda _: None)


@contextmanager
def away(units: Sequence[str], turn: Path) -> Iterator[None]:
    """Keep units stopped while the block runs, the last of them first. Killed in it, systemd starts them at once: it waits for
    `turn`, the folder that this process holds while it lives."""
    if not units:
        yield
        return
    undo_timer.clear(_BACK)
    undo_timer.arm(_BACK, ["flock", str(turn), "systemctl", "start", *units], 1, "1s")
    try:
        for unit in reversed(units):
            systemd.systemctl("stop", unit)
        yield
    finally:
        try:
            systemd.systemctl("start", *units)
        finally:
            undo_timer.clear(_BACK)


def _isolate(document: NodeDocument) -> None:
    folder = Path(document.ledger.paths["log_directory"])
    source, options = _made(document)
    unit = _mount_unit(folder)
    write_atomic(_UNITS / unit, _unit_text(document, folder, source, options).encode(), 0o644)
    systemd.systemctl("daemon-reload")

    def switch() -> None:
        # One call that goes on when we are killed. Enabled alone, the next boot would put an old copy over newer logs.
        try:
            systemd.systemctl("enable", "--now", unit)
        except NodeopsError:
            systemd.systemctl("disable", unit)
            raise

    state = Path(document.paths["state"])
    with _stream_of(policy_of(document)):
        move(folder, Target(source, options, Path(document.paths["run"]) / "disk-new"), state / "disk-log.moving", switch)


@contextmanager
def _stream_of(policy: Policy) -> Iterator[None]:
    """Let the guard's stream go on in the moved log, where a guard was at work already."""
    live, sealed, journal = Path(policy.log.live), Path(policy.log.sealed), Path(policy.journal_file)
    with ExitStack() as stack:
        if journal.exists() and sealed.is_dir():
            held = stack.enter_context(open_journal(journal, STREAM, sealed))
            stack.enter_context(going_on_in_the_copy(live, sealed, held))
        yield


def _made(document: NodeDocument) -> tuple[str, str]:
    """Return the source of the mount and its options, with a filesystem made on it when there is none."""
    choices = document.limits.disk
    options = "nodev,nosuid,noexec,noatime"
    if choices.log_device:
        if _signature(choices.log_device) == "":
            _format(choices.log_device)
        return choices.log_device, options
    image = Path(document.paths["log_image"])
    if not image.exists():
        new = image.with_suffix(".new")
        new.unlink(missing_ok=True)
        with new.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            # All of its blocks now: an image that grows later could meet a full disk.
            os.posix_fallocate(file.fileno(), 0, choices.log_bytes or 0)
        _format(str(new))
        new.replace(image)
        sync_folder(image.parent)
    return str(image), f"loop,{options}"


def _format(target: str) -> None:
    # 1 % stays for root: the guard can write there when the ledger cannot any more.
    run(["mkfs.ext4", "-q", "-F", "-L", LABEL, "-m", "1", target], timeout_seconds=_MOVE_SECONDS)


def _mount_unit(folder: Path) -> str:
    words = ["systemd-escape", "--path", "--suffix=mount", str(folder)]
    return run(words, timeout_seconds=_QUICK_SECONDS).stdout.decode().strip()


def _unit_text(document: NodeDocument, folder: Path, source: str, options: str) -> str:
    return (
        "# Written by nodeops: the ledger's log has a filesystem of its own.\n"
        f"[Unit]\nDescription=Logs of the ledger\nBefore=local-fs.target {document.ledger.unit}\n\n"
        f"[Mount]\nWhat={source}\nWhere={folder}\nType=ext4\nOptions={options}\n\n"
        "[Install]\nWantedBy=local-fs.target\n"
    )
