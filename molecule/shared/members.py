"""Organisations at their own controllers, each with its files and keys, reaching its own hosts alone.

An organisation's made-up key is its name's SHA-256.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hosts
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

ORGANISATIONS = tuple(hosts.declared("organisations"))
_ORGANISATION = {name: node["organisation"] for name, node in hosts.declared("nodes").items()}
_SSH = """
Host {names}
  User ops
  IdentityFile {folder}/ssh_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
"""


def _made_up(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def account(name: str) -> str:
    """Return the public half of an organisation's key, as the consortium file names it."""
    return base64.b64encode(_made_up(name).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def pem(folder: Path, name: str) -> Path:
    """Write an organisation's key as its custodian has it."""
    file, key = folder / f"{name}.pem", _made_up(name)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def founding(genesis_time: str) -> dict[str, Any]:
    """Return the consortium file of the scenario with the time on which its members agreed."""
    tree: dict[str, Any] = hosts.declared()
    tree["ledger"]["genesis_time"] = genesis_time
    return tree


def each(members: Iterable["Controller"], work: Callable[["Controller"], Any]) -> dict[str, Any]:
    """Return what each does, all at the same time: nobody waits for another."""
    members = list(members)
    with ThreadPoolExecutor(len(members)) as pool:
        return dict(zip([one.name for one in members], pool.map(work, members), strict=True))


class Controller:
    """One organisation's controller: the consortium file, choices, and an SSH key that only its own hosts know."""

    def __init__(self, folder: Path, name: str, founding: dict[str, Any]) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.key = pem(self.folder, name)
        self.file.write_text(yaml.safe_dump(founding), encoding="utf-8")
        shutil.copytree(hosts.SCENARIO / "group_vars", self.folder / "group_vars")
        self._reaches()

    @property
    def nodes(self) -> list[str]:
        """Return the nodes of the organisation."""
        return [node for node in hosts.NODES if _ORGANISATION[node] == self.name]

    def _reaches(self) -> None:
        """Get to know the own hosts: they are given this controller's key, and it their host keys."""
        public = self.ssh_key.with_suffix(".pub").read_bytes()
        for node in self.nodes:
            hosts.must(node, "cat >> /home/ops/.ssh/authorized_keys", given=public)
        lines = (hosts.SCENARIO / ".lab" / "known_hosts").read_text(encoding="utf-8").splitlines(keepends=True)
        own = [line for line in lines if line.split(",")[0] in self.nodes]
        (self.folder / "known_hosts").write_text("".join(own), encoding="utf-8")
        self.manages_own()

    def manages_own(self) -> None:
        """Manage the organisation's nodes, and reach no other."""
        self.chooses(nodeops_manages=[self.name])
        where = "".join(f"Host {node}\n  HostName {hosts.ADDRESS[node]}\n" for node in self.nodes)
        config = where + _SSH.format(names=" ".join(self.nodes), folder=self.folder)
        (self.folder / "ssh_config").write_text(config, encoding="utf-8")

    def chooses(self, **choices: Any) -> None:
        """Write choices into group_vars."""
        chosen = self.folder / "group_vars" / "all.yml"
        tree = yaml.safe_load(chosen.read_text(encoding="utf-8"))
        chosen.write_text(yaml.safe_dump({**tree, **choices}), encoding="utf-8")

    def manages_all(self) -> None:
        """From now on manage the nodes of all organisations: quicker than three that take turns."""
        self.chooses(nodeops_manages=list(ORGANISATIONS))
        shutil.copy2(hosts.SCENARIO / "ssh_config", self.folder)

    @property
    def admin(self) -> Path:
        """Return the SSH key of the organisation's admin, made when first asked for."""
        return self._made("admin")

    @property
    def ssh_key(self) -> Path:
        """Return the SSH key by which the controller reaches its hosts, made when first asked for."""
        return self._made("ssh_key")

    def _made(self, name: str) -> Path:
        key = self.folder / name
        if not key.is_file():
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key)]
            subprocess.run(words, check=True, timeout=30)
        return key

    def published(self, node: str) -> dict[str, Any]:
        """Return the identity of a node as it stands in this folder."""
        return dict(yaml.safe_load((self.folder / "identities" / f"{node}.yml").read_text(encoding="utf-8")))

    def publishes_to(self, *others: "Controller") -> None:
        """Give the identities of the own nodes, and nothing else, to other members."""
        published = [self.folder / "identities" / f"{node}.yml" for node in self.nodes]
        for other in others:
            (other.folder / "identities").mkdir(exist_ok=True)
            for file in filter(Path.is_file, published):
                shutil.copy2(file, other.folder / "identities")

    @property
    def file(self) -> Path:
        return self.folder / "consortium.yml"

    @property
    def tree(self) -> dict[str, Any]:
        """Return what the file at hand says."""
        return dict(yaml.safe_load(self.file.read_text(encoding="utf-8")))

    @property
    def revision(self) -> int:
        return int(self.tree["revision"])

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
        tree = self.tree
        tree["revision"] += 1
        change(tree)
        self.file.write_text(yaml.safe_dump(tree), encoding="utf-8")

    def says(self, *words: str, code: int = 0) -> Any:
        """Return what a verb of `nodeops consortium` answers here; it must end with this code."""
        found, said = self.answers(*words)
        assert found == code, f"{self.name}: {words}: {found}\n{said}"
        return json.loads(said)

    def answers(self, *words: str) -> tuple[int, str]:
        """Return how a verb of `nodeops consortium` ends here, and what it says."""
        nodeops = str(Path(sys.executable).parent / "nodeops")
        line = [nodeops, "consortium", *words, "--inventory", str(self.folder), "--json"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout or done.stderr

    def signs(self, *words: str, code: int = 0) -> Any:
        """Return what a verb that signs answers."""
        return self.says(*words, "--key", str(self.key), code=code)

    def plays(self, playbook: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the project from here."""
        words = ["ansible-playbook", "-i", str(self.file), f"playbooks/{playbook}", *options]
        # Ansible refuses a standard input that does not block.
        none = subprocess.DEVNULL
        return subprocess.run(words, cwd=hosts.ROOT, stdin=none, capture_output=True, text=True, timeout=900, check=False)
