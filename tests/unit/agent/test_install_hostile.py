"""Archives that are not what the controller packed: refused, and nothing outside the tree's folder is touched."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.agent import install
from tests.unit.agent.small_trees import Packed

Make = Callable[..., Packed]


def archive_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"x", link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content) if kind == tarfile.REGTYPE else 0
    return info, content


@pytest.mark.parametrize(
    "members",
    [
        [member("/etc/cron.d/evil")],
        [member("../evil")],
        [member("lib/../../evil")],
        [member("lib/./evil")],
        [member("lib//evil")],
        [member("lib/e vil")],
        [member("lib/e\nvil")],
        [member("lib/__pycache__/a.cpython-311.pyc")],
        [member("lib/link", tarfile.SYMTYPE, link="/etc")],
        [member("lib/link", tarfile.LNKTYPE, link="/etc/passwd")],
        [member("lib", tarfile.SYMTYPE, link="/etc"), member("lib/passwd")],
        [member("lib/device", tarfile.CHRTYPE)],
        [member("lib/pipe", tarfile.FIFOTYPE)],
        [member("lib/folder", tarfile.DIRTYPE)],
        [member("lib/twice"), member("lib/twice")],
        [member("lib"), member("lib/below-a-file")],
    ],
    ids=lambda members: " ".join(repr(info.name) for info, _ in members),
)
def test_only_plain_files_below_the_tree_are_unpacked(members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(install.InstallError):
        install.unpack(archive_of(*members), tmp_path / "tree")
    assert {path.name for path in tmp_path.iterdir()} == {"tree"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "MAX_FILES", 2)
    monkeypatch.setattr(install, "MAX_BYTES", 1000)
    for members in ([member(f"f{number}") for number in range(3)], [member("large", content=bytes(1001))]):
        with pytest.raises(install.InstallError, match="more than"):
            install.unpack(archive_of(*members), tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -20])
def test_half_an_archive_is_refused(cut: int, make: Make, tmp_path: Path) -> None:
    data = make("one").path.read_bytes()[:cut]
    with pytest.raises(install.InstallError):
        install.make_tree(write(tmp_path / "half", data), hashlib.sha256(data).hexdigest(), tmp_path / "root")


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.text(min_size=1, max_size=40).filter(lambda name: "\0" not in name), data=st.binary(max_size=200))
def test_any_name_and_any_bytes_are_unpacked_below_the_folder_or_refused(name: str, data: bytes, tmp_path: Path) -> None:
    folder = tmp_path / hashlib.sha256(name.encode(errors="surrogatepass") + data).hexdigest() / "tree"
    folder.mkdir(parents=True, exist_ok=True)
    for content in (archive_of(member(name)), data):
        try:
            install.unpack(content, folder)
        except install.InstallError:
            continue
    assert [path.name for path in folder.parent.iterdir()] == ["tree"]
