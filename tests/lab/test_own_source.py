"""The consortium's own application is built and tested with the Go toolchain that builds what hosts run."""

import os
import subprocess
from pathlib import Path

import pytest

from nodeops.artifacts.cache import file_sha256, quiet
from nodeops.artifacts.go_build import build_folder, go_command
from nodeops.artifacts.own_source import REPOSITORY, read_source

SETTINGS = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}


@pytest.mark.lab
@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("verb", ["vet", "test"])
def test_ledgerd(verb: str) -> None:
    """`go test` tries every message type that is routed as one organisation alone (ledgerd/lone_test.go)."""
    words = [str(go_command()), verb, "./..."]
    done = subprocess.run(words, cwd=REPOSITORY / "ledgerd", env={**os.environ, **SETTINGS}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]


@pytest.mark.lab
@pytest.mark.long
@pytest.mark.timeout(3000)
def test_two_folders_make_the_same_bytes(tmp_path: Path) -> None:
    """So two organisations that build it themselves can compare one digest."""
    made = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        build_folder(read_source("ledgerd"), "amd64", tmp_path / name, tmp_path / name / "ledgerd", quiet)
        made.append(file_sha256(tmp_path / name / "ledgerd"))
    assert made[0] == made[1]
