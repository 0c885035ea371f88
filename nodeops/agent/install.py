"""Put an agent tree in its place with nothing but the host's bare Python: unpack, check, compile, switch.

This one file goes to a host that has no agent yet, so it imports the standard library only; `python3 install.py` prints JSON.

A tree is a folder named by the SHA-256 of its files. It gets that name by one rename once it is whole and has run, and is
never changed afterwards; `current` and `previous` are links to trees and change by one rename each. A run that is killed
leaves hidden folders, which the next run removes.
"""

import argparse
import compileall
import contextlib
import fcntl
import hashlib
import io
import json
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

CURRENT, PREVIOUS = "current", "previous"
KEPT_TREES = 3
# Enough of a SHA-256 to name a folder: 64 bits, for a handful of trees a host.
NAME_DIGITS = 16
DESCRIPTION = "tree.json"
MAX_FILES, MAX_BYTES = 20_000, 256 << 20
_TREE_NAME = re.compile(rf"[0-9a-f]{{{NAME_DIGITS}}}")
_PART = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.+-]{1,120}")
_START_SECONDS = 60
_FAILED = 3


class InstallError(Exception):
    """The tree cannot be installed; what was current still is."""


def tree_files(tree: Path) -> list[Path]:
    """Return the files of a tree below it, sorted, without bytecode. Raise InstallError for anything but files and folders."""
    found = []
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in [*names, *(name for name in folders if Path(folder, name).is_symlink())]:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                raise InstallError(f"{path} is neither a file nor a folder")
            found.append(path.relative_to(tree))
    return sorted(found, key=Path.as_posix)


def tree_digest(tree: Path) -> str:
    """Return the SHA-256 over mode, content and path of all files of a tree, as 64 hex digits. Bytecode does not count."""
    whole = hashlib.sha256()
    for path in tree_files(tree):
        mode = (tree / path).stat().st_mode & 0o7777
        content = hashlib.sha256((tree / path).read_bytes()).hexdigest()
        whole.update(f"{mode:04o} {content} {path.as_posix()}\0".encode())
    return whole.hexdigest()


def is_current(root: Path, name: str) -> bool:
    """Tell whether a tree is the current one and its files are what its name says."""
    try:
        return link_target(root / CURRENT) == name and tree_digest(root / name)[:NAME_DIGITS] == name
    except (OSError, InstallError):
        return False


def unpack(data: bytes, folder: Path) -> None:
    """Write the files of a tar.gz below an empty folder. Raise InstallError for any other kind of member or a bad name."""
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for number, member in enumerate(archive):
                size += member.size
                if number >= MAX_FILES or size > MAX_BYTES:
                    raise InstallError(f"the archive has more than {MAX_FILES} files or {MAX_BYTES} bytes")
                _unpack_member(archive, member, folder)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise InstallError(f"the archive cannot be unpacked: {error}") from error


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    parts = member.name.split("/")
    if not member.isreg() or "__pycache__" in parts or not all(_PART.fullmatch(part) for part in parts):
        raise InstallError(f"the archive holds {member.name!r}, which is not a plain file of a tree")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    # "x": a second member of the same name is refused.
    with target.open("xb") as file:
        shutil.copyfileobj(content or io.BytesIO(), file)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def make_tree(archive: Path, sha256: str, root: Path, digest: str = "") -> str:
    """Unpack, check, compile and try an archive, and give the tree its name below `root`. Return the name.

    Raise InstallError when the archive is not the one meant, is for another Python or machine, or does not run here.
    """
    try:
        data = archive.read_bytes()
    except OSError as error:
        raise InstallError(f"{archive}: cannot be read: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InstallError(f"{archive}: has SHA-256 {found}, not {sha256}: copy it again")
    new = root / ".new"
    unpack(data, new)
    _check_fits(new)
    name = tree_digest(new)[:NAME_DIGITS]
    if digest not in ("", name):
        raise InstallError(f"{archive}: holds tree {name}, not {digest}")
    _compile(new, root / name)
    _check_starts(new)
    _put(new, root / name, root)
    return name


def _check_fits(tree: Path) -> None:
    here = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "machine": platform.machine()}
    made_for = description(tree)
    for key, value in here.items():
        if made_for.get(key) != value:
            raise InstallError(f"the tree is for {key} {made_for.get(key)}, this host has {value}")


def description(tree: Path) -> dict[str, Any]:
    """Return what a tree says about itself: nodeops version, Python version, machine. Raise InstallError without it."""
    try:
        found = json.loads((tree / DESCRIPTION).read_bytes())
    except (OSError, ValueError) as error:
        raise InstallError(f"{tree / DESCRIPTION}: cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InstallError(f"{tree / DESCRIPTION}: is not a JSON object")
    return found


def _compile(tree: Path, final: Path) -> None:
    """Compile once, so that no start pays for it. Unchecked: sources never change in a tree, and are not looked at again."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(tree / "lib", quiet=2, invalidation_mode=mode, stripdir=str(tree), prependdir=str(final))


def _check_starts(tree: Path) -> None:
    try:
        argv = [str(tree / "bin" / "nodeops"), "--version"]
        done = subprocess.run(argv, capture_output=True, timeout=_START_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"the tree does not start here: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-1000:]
        raise InstallError(f"the tree does not start here: {said or f'it leaves with {done.returncode}'}")


def _put(new: Path, target: Path, root: Path) -> None:
    if target.exists():
        remove(target)
    # One call for a thousand small files; a tree whose name survives a power cut has its content too.
    os.sync()
    new.rename(target)
    sync_folder(root)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def link_target(link: Path) -> str:
    """Return what a link says, empty when there is no link."""
    return str(link.readlink()) if link.is_symlink() else ""


def _check_links(*links: Path) -> None:
    for link in links:
        if link.exists() and not link.is_symlink():
            raise InstallError(f"{link} is not a link: move it away")


def point(link: Path, target: str) -> bool:
    """Make a link say `target` by one rename; tell whether that changed anything."""
    if link_target(link) == target:
        return False
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    new.symlink_to(target)
    new.replace(link)
    sync_folder(link.parent)
    return True


def switch(root: Path, name: str) -> bool:
    """Make a tree current and remember the one before; tell whether that changed anything.

    Killed between the two renames, both links name the old tree, and the next run completes the switch.
    """
    before = link_target(root / CURRENT)
    if before == name:
        return False
    if (root / before / "bin").is_dir() and before:
        point(root / PREVIOUS, before)
    os.utime(root / name)
    return point(root / CURRENT, name)


def trees(root: Path) -> list[Path]:
    """Return the trees below `root`, the one switched to last first."""
    found = [path for path in root.iterdir() if _TREE_NAME.fullmatch(path.name) and path.is_dir()] if root.is_dir() else []
    return sorted(found, key=lambda path: (-path.stat().st_mtime, path.name))


def surplus(root: Path) -> list[Path]:
    """Return the trees to remove: all but the newest three, never `current` and `previous`."""
    linked = {link_target(root / CURRENT), link_target(root / PREVIOUS)}
    rest = [tree for tree in trees(root) if tree.name not in linked]
    return rest[max(0, KEPT_TREES - len(linked - {""})) :]


def remove(tree: Path) -> None:
    """Remove a tree. Its name goes first, so that no half tree ever has one."""
    hidden = tree.with_name(f".old-{tree.name}")
    tree.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the folder of trees against other installs, and remove what killed ones left. Raise InstallError when it is held."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for leftover in (root / ".new", *root.glob(".old-*")):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    except BlockingIOError as error:
        raise InstallError(f"{root}: another nodeops is at work here, run again when it has ended") from error
    finally:
        os.close(handle)


def install(archive: Path, sha256: str, root: Path, command: Path, digest: str = "") -> dict[str, Any]:
    """Make the archive's tree the current one. With `digest`, nothing is unpacked when that tree is current and whole.

    Return what was done: `changed`, `digest`, `unpacked`, `removed`. Raise InstallError, nothing switched.
    """
    os.umask(0o022)
    try:
        with alone(root):
            _check_links(root / CURRENT, root / PREVIOUS, command)
            return _install(archive, sha256, root, command, digest)
    except OSError as error:
        raise InstallError(f"{error.filename or root}: {error.strerror}") from error


def _install(archive: Path, sha256: str, root: Path, command: Path, digest: str) -> dict[str, Any]:
    unpacked = not is_current(root, digest)
    name = make_tree(archive, sha256, root, digest) if unpacked else digest
    switched = switch(root, name)
    linked = point(command, str(root / CURRENT / "bin" / "nodeops"))
    removed = [tree.name for tree in surplus(root)]
    for tree in removed:
        remove(root / tree)
    return {"changed": unpacked or switched or linked or bool(removed), "digest": name, "unpacked": unpacked, "removed": removed}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; print one JSON object. Return 0, or 3 when the tree cannot be installed."""
    parser = argparse.ArgumentParser(description="Install an agent tree with the host's bare Python.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--sha256", required=True, help="SHA-256 of the archive")
    parser.add_argument("--root", required=True, type=Path, help="folder of all trees")
    parser.add_argument("--command", required=True, type=Path, help="link to the current tree's launcher")
    parser.add_argument("--digest", default="", help="name of the tree: not unpacked when it is current and whole")
    given = parser.parse_args(arguments)
    try:
        answer = install(given.archive, given.sha256, given.root, given.command, given.digest)
    except InstallError as error:
        answer = {"failed": True, "changed": False, "msg": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return _FAILED if "failed" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
