"""Building from a pinned module with the real Go toolchain; the module comes from a proxy that is a folder of this test."""

import base64
import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from nodeops.artifacts import fetch
from nodeops.artifacts.cache import quiet
from nodeops.artifacts.go_build import build_go, go_command
from nodeops.artifacts.plan import GoBuild
from nodeops.core.errors import HostError
from nodeops.document.profile import Release

MODULE, VERSION = "example.org/ledger", "v1.2.3"
FILES = {
    "go.mod": "module example.org/ledger\n\ngo 1.21\n",
    "cmd/ledger/main.go": 'package main\n\nfunc main() { print("ledger 1.2.3\\n") }\n',
}


def h1(files: dict[str, str]) -> str:
    """Return Go's directory hash h1 (golang.org/x/mod/sumdb/dirhash): a hash over the sorted lines `hash  name`."""
    names = {f"{MODULE}@{VERSION}/{name}": text for name, text in files.items()}
    lines = [f"{hashlib.sha256(names[name].encode()).hexdigest()}  {name}\n" for name in sorted(names)]
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "proxy" / MODULE / "@v"
    folder.mkdir(parents=True)
    (folder / f"{VERSION}.info").write_text(json.dumps({"Version": VERSION}))
    (folder / f"{VERSION}.mod").write_text(FILES["go.mod"])
    with zipfile.ZipFile(folder / f"{VERSION}.zip", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(f"{MODULE}@{VERSION}/{name}", text)
    monkeypatch.setenv("GOPROXY", (tmp_path / "proxy").as_uri())
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "platform" / VERSION / "work"
    folder.mkdir(parents=True)
    return folder


def wanted(sum_: str, version: str = VERSION) -> GoBuild:
    return GoBuild(Release(module=MODULE, package="./cmd/ledger", sum=sum_), version)


def test_another_sum_stops_before_anything_is_compiled(proxy: Path, work: Path) -> None:
    pinned = "h1:" + "A" * 43 + "="
    with pytest.raises(HostError, match="gave other content") as caught:
        build_go(wanted(pinned), "amd64", work, work / "ledger", quiet)
    assert h1(FILES) in caught.value.what
    assert pinned in caught.value.what
    assert not (work / "ledger").exists()
    assert not (work.parents[2] / ".go-build").exists()


def test_a_version_the_proxy_does_not_have_is_a_host_error(proxy: Path, work: Path) -> None:
    with pytest.raises(HostError, match="cannot be downloaded"):
        build_go(wanted(h1(FILES), "v9.9.9"), "amd64", work, work / "ledger", quiet)


@pytest.mark.lab
def test_a_pinned_module_builds_to_the_same_bytes_anywhere_and_runs(proxy: Path, tmp_path: Path) -> None:
    built = []
    for name in ("one", "two"):
        work = tmp_path / name / "platform" / VERSION / "work"
        work.mkdir(parents=True)
        assert build_go(wanted(h1(FILES)), "amd64", work, work / "ledger", quiet).startswith("go1.")
        built.append(work / "ledger")
    assert built[0].read_bytes() == built[1].read_bytes()
    assert subprocess.run([built[0]], capture_output=True, check=True).stderr == b"ledger 1.2.3\n"


@pytest.mark.lab
def test_code_that_does_not_compile_is_a_host_error(proxy: Path, work: Path) -> None:
    release = Release(module=MODULE, package="./cmd/absent", sum=h1(FILES))
    with pytest.raises(HostError, match="left with code 1"):
        build_go(GoBuild(release, VERSION), "amd64", work, work / "ledger", quiet)


@pytest.mark.lab
@pytest.mark.long
def test_the_default_ledger_builds_for_both_machines(tmp_path: Path) -> None:
    for arch in ("amd64", "arm64"):
        found = fetch.fetch("cometbft", "v0.38.21", arch=arch, cache=tmp_path)
        assert (found.fresh, found.source) == (True, "go")
        assert fetch.fetch("cometbft", "v0.38.21", arch=arch, cache=tmp_path).fresh is False
    listing = subprocess.run([go_command(), "version", "-m", found.path], capture_output=True, check=True, text=True).stdout
    assert "CGO_ENABLED=0" in listing
    assert "-trimpath=true" in listing
