"""Judge the merged whole before anything is in place: the new files over a copy of /etc that only the judges see."""

import base64
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.hardening.change.desired import SSHD_FILE, reads_ours
from nodeops.hardening.change.plan import Step
from nodeops.hardening.host import sshd
from nodeops.hardening.host.resources import look
from nodeops.hardening.host.sshd_config import MAIN
from nodeops.host.command import run

_SECONDS = 120
_ROOT = Path("/run/nodeops")
# One mount namespace for all judges, gone with its last process. The paths are arguments, never part of the script.
_SCRIPT = 'mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1,workdir=$2" /etc || exit 99; shift 2; exec "$@"'
# What each folder of /etc is read by, and how that program says whether it can read the whole.
JUDGES: dict[str, tuple[str, ...]] = {
    "/etc/ssh/": ("/usr/sbin/sshd", "-t"),
    "/etc/sudoers.d/": ("/usr/sbin/visudo", "-c"),
    "/etc/apt/": ("/usr/bin/apt-config", "dump"),
    "/etc/logrotate.d/": ("/usr/sbin/logrotate", "--debug", "/etc/logrotate.conf"),
}


def require_valid(steps: Sequence[Step]) -> None:
    """Raise Refused when a program could not read its files as they would be: then nothing was changed."""
    _require_read(steps)
    new = {_path(step): step.after for step in steps if step.key.startswith("file /etc/")}
    modes = {_path(step): int(step.after["mode"]) for step in steps if step.key.startswith("mode /etc/") and step.after}
    if not (new or modes):
        return
    _ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="stage-", dir=_ROOT))
    try:
        run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=64m", "nodeops-stage", folder], timeout_seconds=_SECONDS)
        _judge(folder, new, modes)
    finally:
        run(["umount", "-l", folder], timeout_seconds=_SECONDS, allowed_codes=(0, 1, 32))
        shutil.rmtree(folder, ignore_errors=True)


def _require_read(steps: Sequence[Step]) -> None:
    """Raise Refused once, instead of a failure for each keyword, where sshd would never see our file."""
    ours = any(step.key == f"file {SSHD_FILE}" and step.after is not None for step in steps)
    if ours and not reads_ours(sshd.files_read()):
        hint = f"put this at its top: Include {Path(SSHD_FILE).parent}/*.conf. Nothing was changed"
        raise Refused("has no Include of our drop-in, so that sshd would not read it", where=MAIN, hint=hint)


def _path(step: Step) -> str:
    return step.key.partition(" ")[2]


def _judge(folder: Path, new: dict[str, dict[str, object] | None], modes: dict[str, int]) -> None:
    upper, work = folder / "upper", folder / "work"
    for each in (upper, work):
        each.mkdir(mode=0o755)
    for path, state in new.items():
        _lay(upper, path, state)
    for path, mode in modes.items():
        _lay_mode(upper, path, mode)
    for command in _judges({**dict.fromkeys(modes), **new}):
        done = run(
            ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", upper, work, *command],
            timeout_seconds=_SECONDS,
            allowed_codes=range(256),
        )
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-1000:]
            raise Refused(f"{command[0]} does not accept the new whole: {said}", where="hardening", hint="nothing was changed")


def _lay(upper: Path, path: str, state: dict[str, object] | None) -> None:
    target = upper / Path(path).relative_to("/etc")
    for parent in reversed(target.relative_to(upper).parents[:-1]):
        (upper / parent).mkdir(mode=0o755, exist_ok=True)
    if state is None:
        if Path(path).exists():
            run(["mknod", target, "c", "0", "0"], timeout_seconds=_SECONDS)  # how an overlay says that a file is gone
        return
    target.write_bytes(base64.b64decode(str(state["b64"])))
    target.chmod(int(str(state["mode"])))


def _lay_mode(upper: Path, path: str, mode: int) -> None:
    """Give a file its new mode; it is copied when only its mode is new. Folders stay as they are."""
    target = upper / Path(path).relative_to("/etc")
    if not target.exists():
        if not Path(path).is_file():
            return
        _lay(upper, path, look(f"file {path}"))
    target.chmod(mode)


def _judges(new: dict[str, dict[str, object] | None]) -> list[tuple[str, ...]]:
    asked = [command for start, command in JUDGES.items() if any(path.startswith(start) for path in new)]
    # Only of what is written: a drop-in that goes may be that of a unit whose package has gone already.
    drop_ins = [Path(path) for path, state in new.items() if state and path.startswith("/etc/systemd/system/") and ".d/" in path]
    units = sorted({path.parent.name.removesuffix(".d") for path in drop_ins})
    present = [command for command in asked if Path(command[0]).exists()]
    return [*present, *((("/usr/bin/systemd-analyze", "verify", "--man=no", *units),) if units else ())]
