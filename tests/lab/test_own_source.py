"""The consortium's own application is built and tested with the Go toolchain that builds what hosts run."""

import os
import subprocess

import pytest

from nodeops.artifacts.cache import cache_folder
from nodeops.artifacts.go_build import COMPILED, go_command
from nodeops.artifacts.own_source import REPOSITORY

SETTINGS = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}


@pytest.mark.lab
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("verb", ["vet", "test"])
def test_ledgerd(verb: str) -> None:
    """`go test` tries every message type that is routed as one organisation alone (ledgerd/lone_test.go)."""
    words = [str(go_command()), verb, "./..."]
    # What the scenarios' builds of the same modules compiled is compiled once.
    compiled = {"GOCACHE": os.environ.get("GOCACHE") or str(cache_folder("artifacts") / COMPILED)}
    environment = {**os.environ, **SETTINGS, **compiled}
    done = subprocess.run(words, cwd=REPOSITORY / "ledgerd", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
