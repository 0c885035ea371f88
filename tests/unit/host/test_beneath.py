"""No name leads out of an open folder, with openat2 and without it."""

import ctypes
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.host import beneath
from nodeops.host.beneath import Gone, kept_by_kernel, open_beneath, open_folder
from nodeops.host.child import answer_of

_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_OPENAT2 = 437


def without_openat2(error: int) -> None:
    """Install a seccomp filter that answers openat2 with an error; it cannot be taken off again."""
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, _OPENAT2), (0x06, 0, 0, 0x50000 | error), (0x06, 0, 0, 0x7FFF0000)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    head = struct.pack("@HP", len(steps), ctypes.addressof(program))
    assert libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_SET_SECCOMP, _FILTER, head) == 0, os.strerror(ctypes.get_errno())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder `in` with links, beside a file that must not be reached."""
    tree = tmp_path / "in"
    (tree / "folder").mkdir(parents=True)
    (tmp_path / "key").write_text("key")
    (tree / "file").write_text("file")
    (tree / "folder/file").write_text("deep")
    for name, target in {
        "link": "file",
        "out": "../key",
        "absolute": "/etc/passwd",
        "fd": "/proc/self/fd/0",
        "round": "round",
    }.items():
        (tree / name).symlink_to(target)
    (tree / "folder/up").symlink_to("..")
    return tree


def opened(tree: Path, name: str, flags: int = os.O_RDONLY) -> str:
    folder = open_folder(tree)
    try:
        with os.fdopen(open_beneath(folder, name, flags), "rb") as file:
            return file.read().decode()
    finally:
        os.close(folder)


def handles() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def answer(work: Callable[[], str], error: int) -> str:
    """Return what `work` answers in a child where openat2 fails with an error; 0 leaves it as it is."""

    def prepared() -> str:
        if error:
            without_openat2(error)
            beneath.kept_by_kernel.cache_clear()
            assert not kept_by_kernel()
        return work()

    return answer_of(prepared, seconds=30)


KERNELS = pytest.mark.parametrize("error", [0, 38, 1], ids=["openat2", "ENOSYS", "EPERM"])


@KERNELS
def test_what_is_in_the_folder_is_opened(tree, error):
    assert answer(lambda: opened(tree, "file"), error) == "file"


WAYS = (os.O_RDONLY, os.O_PATH, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREAT)


@KERNELS
@pytest.mark.parametrize(
    "name", ["link", "out", "absolute", "fd", "round", "../key", "/etc/passwd", "folder/up/file", "folder/../../key"]
)
def test_what_leads_out_or_is_a_link_is_refused(tree, name, error):
    def tried() -> str:
        for flags in WAYS:
            with pytest.raises(Refused):
                opened(tree, name, flags)
        return "refused"

    assert answer(tried, error) == "refused"
    assert (tree.parent / "key").read_text() == "key"
    assert (tree / "file").read_text() == "file"


@KERNELS
@pytest.mark.parametrize("name", ["a\0b", "file\0", "\ud800"], ids=ascii)
def test_what_is_no_name_is_refused(tree, name, error):
    with pytest.raises(Refused, match="is no name"):
        answer(lambda: opened(tree, name), error)


@KERNELS
@pytest.mark.parametrize("name", ["none", "n" * 300])
def test_what_is_not_there_is_told(tree, name, error):
    with pytest.raises(HostError, match=r"No such file|File name too long"):
        answer(lambda: opened(tree, name), error)


def test_what_is_gone_has_an_error_of_its_own(tree):
    with pytest.raises(Gone):
        opened(tree, "none")


@KERNELS
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_mount_in_the_folder_is_refused(tree, error):
    subprocess.run(["mount", "--bind", tree.parent / "key", tree / "file"], check=True)
    try:
        with pytest.raises(Refused, match="another mount"):
            answer(lambda: opened(tree, "file"), error)
    finally:
        subprocess.run(["umount", tree / "file"], check=True)


def test_a_deeper_path_needs_openat2(tree):
    assert opened(tree, "folder/file") == "deep"
    with pytest.raises(Refused, match="single names"):
        answer(lambda: opened(tree, "folder/file"), 38)


@KERNELS
def test_what_is_made_is_for_this_user_alone(tree, error):
    answer(lambda: opened(tree, "new", os.O_RDWR | os.O_CREAT | os.O_EXCL), error)
    assert (tree / "new").stat().st_mode & 0o777 == 0o600


def test_no_handle_is_left(tree):
    before = handles()
    for name in ("file", "link", "none", "../key"):
        try:
            opened(tree, name)
        except (HostError, Refused):
            continue
    for folder in (tree / "link", tree / "none", tree / "file/x"):
        with pytest.raises((HostError, Refused)):
            open_folder(folder)
    assert handles() == before


@pytest.mark.parametrize("path", ["folder/up", "folder/up/folder"])
def test_a_folder_is_not_opened_through_a_link(tree, path):
    with pytest.raises(Refused, match="folder/up: is a symbolic link"):
        open_folder(tree / path)


@pytest.mark.parametrize("path", ["relative", "/var/../etc", "/etc\0x", ""])
def test_a_folder_has_a_plain_absolute_path(path):
    with pytest.raises(Refused):
        open_folder(Path(path))


def test_errors_cross_from_the_child_whole():
    def fail() -> str:
        raise InputError("what", "where", "allowed", "hint")

    with pytest.raises(InputError) as caught:
        answer_of(fail, seconds=5)
    assert (caught.value.what, caught.value.where, caught.value.allowed, caught.value.hint) == (
        "what",
        "where",
        "allowed",
        "hint",
    )


def test_the_child_has_no_open_file_of_ours(tree):
    with (tree / "file").open("rb") as ours:
        held = answer_of(lambda: " ".join(handles()), seconds=5)
        kept = answer_of(lambda: os.pread(ours.fileno(), 10, 0).decode(), seconds=5, keep=[ours.fileno()])
        # Standard handles, the pipe, and the handle that lists them.
        assert len(held.split()) == 5
    assert kept == "file"


@pytest.mark.parametrize("work", [lambda: str(1 / 0), lambda: os._exit(3), lambda: os.abort()], ids=["fault", "exit", "abort"])
def test_a_child_without_an_answer_is_an_error(work):
    with pytest.raises(HostError, match=r"ZeroDivisionError|with code 3|by signal 6"):
        answer_of(work, seconds=5)


def test_an_answer_may_be_long_and_hold_anything():
    text = "\udcff\n\0" * 500_000
    assert answer_of(lambda: text, seconds=30) == text
