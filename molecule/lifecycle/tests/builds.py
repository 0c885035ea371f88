"""Builds of ledgerd that are real releases but for their source: their name differs, and of one the state that it computes."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from nodeops.artifacts.cache import cache_folder
from nodeops.artifacts.go_build import go_command
from nodeops.artifacts.own_source import REPOSITORY, read_source

# Every block leaves something in a store of the real program that the chain has not.
_RIGHT = "\treturn &app, app.Load(true)\n"
_WRONG = """\terr = app.Load(false)
\tkey := app.UnsafeFindStoreKey("upgrade")
\tapp.SetEndBlocker(func(at sdk.Context) (sdk.EndBlock, error) {
\t\tat.KVStore(key).Set([]byte("changed"), sdk.Uint64ToBigEndian(uint64(at.BlockHeight())))
\t\treturn app.EndBlocker(at)
\t})
\tif err != nil {
\t\treturn nil, err
\t}
\treturn &app, app.LoadLatestVersion()
"""


def built(name: str) -> Path:
    """Return this source as a release of another name, built once."""
    return _built(REPOSITORY / "ledgerd", name)


def computing_another_state(name: str, folder: Path) -> Path:
    """Return a release whose source was changed in a copy below `folder`: from its first block on its state is another one."""
    source = shutil.copytree(REPOSITORY / "ledgerd", folder / "ledgerd")
    text = (source / "app.go").read_text(encoding="utf-8")
    assert text.count(_RIGHT) == 1
    (source / "app.go").write_text(text.replace(_RIGHT, _WRONG), encoding="utf-8")
    return _built(source, name)


def _built(source: Path, name: str) -> Path:
    digest = read_source("ledgerd").digest.removeprefix("sha256:")[:16]
    changed = hashlib.sha256((source / "app.go").read_bytes()).hexdigest()[:16]
    target = cache_folder("artifacts") / ".molecule" / digest / changed / name / "ledgerd"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    # What was compiled for the release itself.
    settings |= {"GOCACHE": str(cache_folder("artifacts") / ".go-build"), "GOAMD64": "v1"}
    new = target.with_suffix(".new")
    words = [str(go_command()), "build", "-ldflags", f"-s -w -X main.release={name}", "-o", str(new), "."]
    subprocess.run(words, cwd=source, env={**os.environ, **settings}, check=True, capture_output=True, timeout=900)
    new.rename(target)
    return target


def artifact(program: Path) -> dict[str, Any]:
    """Return how group_vars name a program as the source of a version."""
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    return {"ledger_artifact": {"source": "file", "path": str(program), "sha256": digest}}
