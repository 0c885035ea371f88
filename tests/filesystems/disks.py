"""Throw-away filesystems on loop devices that can be filled and made to crash, and processes that are killed."""

import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# linux/fs.h: FS_IOC_SHUTDOWN. The filesystem stops at once, with what is in its journal written (LOGFLUSH) or not.
_SHUTDOWN = 0x8004587D
LOGFLUSH, NOLOGFLUSH = 1, 2
# mkfs.xfs makes nothing smaller than 300 MB; the image is sparse.
IMAGE_BYTES = 320 << 20
_LET_GO_SECONDS = 30
_MAKE = {"ext4": ("mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-J", "size=4"), "xfs": ("mkfs.xfs", "-q", "-f")}


@dataclass(frozen=True)
class Disk:
    """A filesystem of one kind in a file."""

    kind: str
    image: Path
    folder: Path

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self.image, self.folder], check=True)

    def umount(self) -> None:
        """Unmount it and wait until nobody has it any more.

        What was killed, and what that had started, ends a moment later. A container that is started meanwhile has a copy of all
        mounts for a moment, and mounting again would show that one.
        """
        until = time.monotonic() + _LET_GO_SECONDS
        while (done := subprocess.run(["umount", self.folder], capture_output=True, text=True, check=False)).returncode:
            assert "busy" in done.stderr and time.monotonic() < until, done.stderr
            time.sleep(0.01)
        while subprocess.run(["losetup", "-j", self.image], capture_output=True, check=True).stdout:
            if time.monotonic() > until:
                pytest.fail("another process keeps a copy of the mount")
            time.sleep(0.01)

    def crash(self, flag: int) -> None:
        """Stop the filesystem as a power cut would: what was not written out by then is gone."""
        with opened_folder(self.folder) as handle:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", flag))

    def again(self) -> None:
        """Mount it anew, as after a reboot."""
        self.umount()
        self.mount()

    def fsck(self) -> int:
        """Return the code of the filesystem's own checker on the unmounted image: 0 is clean."""
        words = ["e2fsck", "-f", "-n"] if self.kind == "ext4" else ["xfs_repair", "-n"]
        return subprocess.run([*words, self.image], capture_output=True, check=False).returncode


@contextlib.contextmanager
def opened_folder(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def disk(kind: str, folder: Path, size: int = IMAGE_BYTES) -> Iterator[Disk]:
    """Make and mount a filesystem; skip the test where that is impossible."""
    memory = folder / "memory"
    made = Disk(kind, memory / f"{kind}.img", folder / kind)
    memory.mkdir()
    made.folder.mkdir()
    with contextlib.ExitStack() as stack:
        try:
            # In memory, so that thousands of fsyncs take no time and other disks of this machine do not matter.
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size + (8 << 20)}", "tmpfs", memory], check=True, capture_output=True
            )
            stack.callback(subprocess.run, ["umount", "--lazy", memory], check=False)
            with made.image.open("wb") as image:
                image.truncate(size)
            subprocess.run([*_MAKE[kind], made.image], check=True, capture_output=True)
            made.mount()
            stack.callback(subprocess.run, ["umount", "--lazy", made.folder], check=False)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no {kind} on a loop device here: {error}")
        yield made


def fragmented(path: Path, data: bytes, block: int) -> None:
    """Write a file in blocks that do not lie beside each other: another file gets every second one."""
    other = path.with_name(f".{path.name}.other")
    with path.open("wb") as file, other.open("wb") as spacer:
        for place in range(0, len(data), block):
            os.posix_fallocate(file.fileno(), place, min(block, len(data) - place))
            os.posix_fallocate(spacer.fileno(), place, block)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    other.unlink()


def child(work: Callable[[], object]) -> int:
    """Fork a process that does some work and ends, and return its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        # Whatever it is, this process must not go on as a second test run.
        if os.environ.get("SHOW_CHILDREN"):
            traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a forked process and return its exit code; minus a signal's number when one ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(pid: int) -> None:
    """Kill a forked process at once, whatever it is doing."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    ended(pid)
