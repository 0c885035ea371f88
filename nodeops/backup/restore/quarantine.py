"""The folder in which keys wait: nothing that is in it can be started with, and a restore that was killed finds itself in it.

`journal.json` is there from the first step to the last. While it is, no other keys are made (nodeops/ledger/identity/plan.py).
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from nodeops.backup.credential import settings_file
from nodeops.backup.restore.plan import Holder, Mark
from nodeops.core.errors import HostError, InputError
from nodeops.document.models import NodeDocument
from nodeops.host.command import run
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.units import systemd
from nodeops.ledger.identity.files import Layout, read_small
from nodeops.ledger.identity.identity import Identity, address_of, parse_node_key, parse_signing_state, parse_validator_key
from nodeops.ledger.identity.plan import RESTORING
from nodeops.ledger.identity.record_key import RECORD_KEY_MODE, parse_record_key

_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_MAKING_SECONDS = 60.0
_DROP_IN = "nodeops-restore.conf"
_OBSERVER_STATE = "observer_state.json"


@dataclass(frozen=True)
class Journal:
    """What a restore must remember: where the old holder was at its first step, the words it was given, which snapshot."""

    holder: Holder
    because: str = ""
    snapshot: str = ""


@dataclass(frozen=True)
class Quarantine:
    """The quarantine of one node: `at` is where its identity belongs."""

    document: NodeDocument
    at: Layout

    @property
    def folder(self) -> Path:
        """Return the folder; root's alone."""
        return self.at.home / RESTORING

    @property
    def _keys(self) -> Path:
        return self.folder / "keys"

    @property
    def _drop_in(self) -> Path:
        # In /run: after a boot it is gone, and the unit finds no key until the restore goes on.
        return Path("/run/systemd/system") / f"{self.document.ledger.unit}.d" / _DROP_IN

    @property
    def _observer_state(self) -> Path:
        return self.at.data / _OBSERVER_STATE

    def make(self) -> None:
        """Make the folder."""
        self._remove_ended()
        self.folder.mkdir(_FOLDER_MODE, exist_ok=True)
        sync_folder(self.at.home)

    def journal(self) -> Journal | None:
        """Return what the restore under way remembers, None when there is none."""
        try:
            body = json.loads((self.folder / "journal.json").read_bytes())
            return Journal(Holder(body["holder"]), body["because"], body["snapshot"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise HostError("is damaged", where=str(self.folder / "journal.json"), hint="look at it; then remove it") from error

    def write(self, journal: Journal) -> None:
        """Remember it, synced."""
        write_atomic(self.folder / "journal.json", json.dumps(asdict(journal)).encode(), _FILE_MODE, self.at.root)

    def holds_keys(self) -> bool:
        """Tell whether both keys are in quarantine."""
        return all((self._keys / file.name).is_file() for file in (self.at.node_key, self.at.validator_key))

    def keys_in_place(self) -> bool:
        """Tell whether the ledger's unit finds a validator key."""
        return self.at.validator_key.is_file()

    def take_keys(self) -> None:
        """Move keys that are in place into quarantine. Raise HostError when there are others already."""
        if not self.keys_in_place():
            return
        if self.holds_keys():
            raise HostError("there are keys here and in quarantine", where=str(self._keys), hint="look whose they are")
        shutil.rmtree(self._keys, ignore_errors=True)
        self.at.keys.rename(self._keys)
        sync_folder(self.at.home)
        sync_folder(self.folder)

    def receive(self, files: dict[str, bytes], expected_key: str, node_id: str = "") -> None:
        """Put keys into quarantine that a custodian streamed here. Raise InputError when they are not this node's.

        `node_id` is the one that members know, "" where nobody says.
        """
        node_key, validator_key = (files.get(file.name, b"") for file in (self.at.node_key, self.at.validator_key))
        found = parse_node_key(node_key, self.at.node_key.name)
        if found != (node_id or found):
            text = f"this is the key of node {found}; members know {self.document.node.name} as {node_id}"
            raise InputError(text, where="the node key", hint="take this node's own archive")
        self._expect(parse_validator_key(validator_key, self.at.validator_key.name).value, expected_key)
        record_key = self.at.record_key
        own = files.get(record_key.name) if record_key else None
        if record_key and own:
            parse_record_key(own, record_key.name)
        if self.keys_in_place() or self.holds_keys():
            # They are here already: an earlier run got further.
            self.identity(expected_key)
            return
        self.make()
        shutil.rmtree(self._keys, ignore_errors=True)
        self._keys.mkdir(_FOLDER_MODE)
        if record_key and own:
            write_atomic(self._keys / record_key.name, own, RECORD_KEY_MODE, self.at.root)
        write_atomic(self._keys / self.at.node_key.name, node_key, _FILE_MODE, self.at.root)
        write_atomic(self._keys / self.at.validator_key.name, validator_key, _FILE_MODE, self.at.root)

    def take_settings(self, files: dict[str, bytes]) -> list[Path]:
        """Put what opens this node's backups, and its repository's certificate, where they belong; return those written.

        What the host has of them already stays: `site.yml` or a person wrote it.
        """
        wanted = [settings_file(self.document), Path(self.document.paths["backup_certificate"])]
        missing = [file for file in wanted if file.name in files and not file.exists()]
        for file in missing:
            file.parent.mkdir(0o755, parents=True, exist_ok=True)
            write_atomic(file, files[file.name], _FILE_MODE, self.at.root)
        return missing

    def _expect(self, found: str, expected: str) -> None:
        if found != expected:
            text = f"this is the key of validator {address_of(found)}; {self.document.node.name} is {address_of(expected)}"
            raise InputError(text, where="the validator key", hint="take this node's own archive")

    def identity(self, expected_key: str) -> Identity:
        """Return the public identity of the keys in quarantine, else in place. Raise InputError when it is another node's."""
        folder = self._keys if self.holds_keys() else self.at.keys
        key_file, node_file = folder / self.at.validator_key.name, folder / self.at.node_key.name
        key = parse_validator_key(read_small(key_file), str(key_file))
        self._expect(key.value, expected_key)
        node = self.document.node
        node_id = parse_node_key(read_small(node_file), str(node_file))
        address = address_of(key.value)
        return Identity(
            node=node.name, organisation=node.organisation, node_id=node_id, validator_key=key, validator_address=address
        )

    def local_state(self) -> Mark | None:
        """Return the signing state on this host; None without one, and for one that cannot be read: it says nothing then."""
        if not os.path.lexists(self.at.state):
            return None
        try:
            return mark_of(read_small(self.at.state), str(self.at.state))
        except HostError:
            return None

    def raise_state(self, state: Mark) -> None:
        """Write a signing state. Raise HostError instead of writing one that is not above what is there."""
        now = self.local_state()
        if now is not None and now >= state:
            raise HostError(f"is at {now}, not below {state}", where=str(self.at.state), hint="run it again")
        body = json.dumps({"height": str(state.height), "round": state.round, "step": state.step}, indent=2).encode()
        write_atomic(self.at.state, body, _FILE_MODE, self.at.user)

    def start_observer(self) -> None:
        """Start the ledger with throw-away keys: it verifies the chain and cannot sign for anybody."""
        observer = self.folder / "observer"
        if not (observer / "config" / self.at.validator_key.name).is_file():
            shutil.rmtree(observer, ignore_errors=True)
            run(
                [self.document.ledger.paths["binary"], "init", "--home", observer],
                timeout_seconds=_MAKING_SECONDS,
                cwd=self.folder,
                environment={},
            )
        self.at.data.mkdir(_FOLDER_MODE, exist_ok=True)
        os.chown(self.at.data, *self.at.user, follow_symlinks=False)
        state = read_small(observer / "data" / self.at.state.name)
        write_atomic(self._observer_state, state, _FILE_MODE, self.at.user)
        self._drop_in.parent.mkdir(0o755, parents=True, exist_ok=True)
        write_atomic(self._drop_in, self._observer_unit(observer / "config").encode(), 0o644)
        systemd.systemctl("daemon-reload")
        systemd.systemctl("restart", self.document.ledger.unit)

    def _observer_unit(self, config: Path) -> str:
        # Before its configuration file CometBFT takes CMT_* (libs/cli/setup.go), the SDK what begins with its program's name
        # (server/util.go).
        prefixes = ("CMT", Path(self.document.ledger.paths["binary"]).name.upper())
        names = (self.at.node_key.name, self.at.validator_key.name)
        credentials = [f"LoadCredential={name}:{config / name}" for name in names]
        state = [f"Environment={prefix}_PRIV_VALIDATOR_STATE_FILE={self._observer_state}" for prefix in prefixes]
        return "\n".join(["[Service]", "LoadCredential=", *credentials, *state, ""])

    def observes(self) -> bool:
        """Tell whether the unit would start with throw-away keys."""
        return self._drop_in.is_file()

    def stop(self) -> None:
        """Stop the ledger."""
        systemd.systemctl("stop", self.document.ledger.unit)

    def put_keys_in_place(self) -> None:
        """Give the unit its keys: from here on the ledger signs when it is started. It must be stopped."""
        if self.at.keys.is_dir() and not any(self.at.keys.iterdir()):
            self.at.keys.rmdir()
        self._keys.rename(self.at.keys)
        sync_folder(self.at.home)
        self._drop_in.unlink(missing_ok=True)
        systemd.systemctl("daemon-reload")

    def end(self) -> None:
        """Remove what the restore needed."""
        self._observer_state.unlink(missing_ok=True)
        self._drop_in.unlink(missing_ok=True)
        # At once: half of a quarantine would keep everything waiting for a restore that has nothing left to do.
        self._remove_ended()
        self.folder.rename(self._ended)
        sync_folder(self.at.home)
        self._remove_ended()

    @property
    def _ended(self) -> Path:
        return self.folder.with_name(f"{RESTORING}-ended")

    def _remove_ended(self) -> None:
        """Remove a quarantine that was given up, also one whose removal was cut off: only throw-away keys are in it."""
        if self._ended.exists():
            shutil.rmtree(self._ended)


def mark_of(data: bytes, where: str) -> Mark:
    """Return the mark of a signing state file. Raise HostError when it is damaged."""
    state = parse_signing_state(data, where)
    return Mark(int(state.height), state.round, state.step)
