"""Organisations, each at a controller of its own that manages and reaches its own hosts alone; their runs can be killed.

An organisation's made-up key is its name's SHA-256.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hosts
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_KEPT = ("group_vars", "identities", "revisions", "genesis.json")


class Controller:
    """One organisation's folder: what all have, and its own choices, way to its hosts, and key."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        for kept in _KEPT:
            found = hosts.SCENARIO / kept
            shutil.copytree(found, self.folder / kept) if found.is_dir() else shutil.copy2(found, self.folder)
        self._reaches()
        self._signs_with(self.folder / "key.pem")

    @property
    def nodes(self) -> list[str]:
        """Return the nodes of the organisation."""
        return [node for node, said in hosts.declared("nodes").items() if said["organisation"] == self.name]

    def _reaches(self) -> None:
        text = (hosts.SCENARIO / "ssh_config").read_text(encoding="utf-8")
        others = "".join(f"Host {node}\n  HostName 192.0.2.1\n" for node in hosts.NODES if node not in self.nodes)
        # What is said first counts, and nobody is at that address.
        (self.folder / "ssh_config").write_text(others + text, encoding="utf-8")

    def _signs_with(self, file: Path) -> None:
        key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.name.encode()).digest())
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.chmod(0o600)

    def wants(self, version: str, told: dict[str, Any]) -> None:
        """Name another version of the ledger, without a vote, and choose where that comes from."""
        tree = hosts.declared()
        tree["ledger"]["version"] = version
        self._writes(tree, told)

    def revises(self, version: str, told: dict[str, Any]) -> None:
        """Take the next revision, with another version of the ledger, and choose where that comes from."""
        tree = hosts.declared()
        tree["revision"] += 1
        tree["ledger"]["version"] = version
        self._writes(tree, {**told, "nodeops_unagreed": False})

    def _writes(self, tree: dict[str, Any], told: dict[str, Any]) -> None:
        (self.folder / "consortium.yml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        chosen = hosts.SCENARIO / "group_vars" / "all.yml"
        own = {**yaml.safe_load(chosen.read_text(encoding="utf-8")), **told, "nodeops_manages": [self.name]}
        (self.folder / "group_vars" / "all.yml").write_text(yaml.safe_dump(own), encoding="utf-8")

    def signs(self, *words: str) -> Any:
        """Return what a verb of `nodeops consortium` answers that signs with the organisation's key."""
        nodeops = [str(Path(sys.executable).parent / "nodeops"), "consortium", *words, "--key", str(self.folder / "key.pem")]
        line = [*nodeops, "--inventory", str(self.folder), "--json"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{self.name}: {words}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def begins(self, playbook: str, *options: str) -> "subprocess.Popen[str]":
        """Begin a playbook of the project from here, in a session of its own; its output is in a file of the folder."""
        words = ["ansible-playbook", "-i", str(self.folder / "consortium.yml"), f"playbooks/{playbook}", *options]
        none, both = subprocess.DEVNULL, subprocess.STDOUT
        with self.said.open("w", encoding="utf-8") as said:
            return subprocess.Popen(
                words, cwd=hosts.ROOT, stdin=none, stdout=said, stderr=both, text=True, start_new_session=True
            )

    @property
    def said(self) -> Path:
        return self.folder / "said.txt"

    def ended(self, run: "subprocess.Popen[str]", seconds: int = 1200) -> tuple[int, str]:
        """Wait for a run's end; return its code, and what it said on one line."""
        code = run.wait(seconds)
        return code, " ".join(self.said.read_text(encoding="utf-8").split())
