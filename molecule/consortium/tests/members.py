"""Three organisations at their own controllers, each with its files and its key. A made-up key is its name's SHA-256."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hosts
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ORGANISATIONS = ("alpha", "beta", "gamma")
_FILES = ("consortium.yml", "genesis.json", "ssh_config")
_FOLDERS = ("group_vars", "identities")


def pem(folder: Path, name: str) -> Path:
    """Write an organisation's key as its custodian has it."""
    seed = hashlib.sha256(name.encode()).digest()
    file = folder / f"{name}.pem"
    key = Ed25519PrivateKey.from_private_bytes(seed)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


class Controller:
    """One organisation's controller: a copy of the scenario's files of which it manages its own nodes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.key = pem(self.folder, name)
        for file in _FILES:
            shutil.copy2(hosts.SCENARIO / file, self.folder)
        for one in _FOLDERS:
            shutil.copytree(hosts.SCENARIO / one, self.folder / one)
        self.manages(name)

    def manages(self, *names: str) -> None:
        """From now on manage the nodes of these organisations too, and alone."""
        chosen = self.folder / "group_vars" / "all.yml"
        tree = yaml.safe_load(chosen.read_text(encoding="utf-8"))
        chosen.write_text(yaml.safe_dump({**tree, "nodeops_manages": list(names)}), encoding="utf-8")

    @property
    def admin(self) -> Path:
        """Return the SSH key of the organisation's admin, made when first asked for."""
        key = self.folder / "admin"
        if not key.is_file():
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key)]
            subprocess.run(words, check=True, timeout=30)
        return key

    @property
    def file(self) -> Path:
        return self.folder / "consortium.yml"

    @property
    def revision(self) -> int:
        return int(yaml.safe_load(self.file.read_text(encoding="utf-8"))["revision"])

    def kept(self, revision: int) -> Path:
        return self.folder / "revisions" / f"{revision}.yml"

    def takes(self, other: "Controller") -> None:
        """Take the file in force from another member, who keeps it, and keep it too."""
        newest = max((other.folder / "revisions").glob("*.yml"), key=lambda file: int(file.stem))
        content = newest.read_bytes()
        self.file.write_bytes(content)
        self.kept(1).parent.mkdir(exist_ok=True)
        self.kept(int(newest.stem)).write_bytes(content)

    def edit(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Write the next revision, changed."""
        tree = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        tree["revision"] += 1
        change(tree)
        self.file.write_text(yaml.safe_dump(tree), encoding="utf-8")

    def says(self, *words: str, code: int = 0) -> Any:
        """Return what a verb of `nodeops consortium` answers here; it must end with this code."""
        nodeops = str(Path(sys.executable).parent / "nodeops")
        line = [nodeops, "consortium", *words, "--inventory", str(self.folder), "--json"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, f"{self.name}: {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def signs(self, *words: str, code: int = 0) -> Any:
        """Return what a verb that signs answers."""
        return self.says(*words, "--key", str(self.key), code=code)

    def plays(self, playbook: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the project from here."""
        words = ["ansible-playbook", "-i", str(self.file), f"playbooks/{playbook}", *options]
        return subprocess.run(words, cwd=hosts.ROOT, capture_output=True, text=True, timeout=300, check=False)
