"""Open an archive of keys as its custodian does, and see whose keys are in it. What was encrypted stays in memory."""

import io
import subprocess
from pathlib import Path

from pydantic import ValidationError

from nodeops.backup.restore.keys import read_keys
from nodeops.backup.settings import FILE
from nodeops.core.errors import HostError, InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.load import plain, read_source
from nodeops.ledger.founding.genesis_models import PublishedIdentity
from nodeops.ledger.identity.identity import Identity, parse_node_key, parse_validator_key

# A person may have to type the passphrase of their key.
_SECONDS = 300.0
_MOST_SAID = 300


def opened(archive: Path, key: Path) -> dict[str, bytes]:
    """Return the files of an archive by name. Raise HostError when this key does not open it."""
    argv = ["age", "--decrypt", "--identity", str(key), str(archive)]
    try:
        # In the session of the terminal, where age asks for a passphrase.
        done = subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=False)
    except OSError as error:
        raise HostError(f"cannot be started: {error.strerror}", where="age", hint="apt-get install age") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"did not open it within {_SECONDS:g} s", where=str(archive)) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[:_MOST_SAID]
        raise HostError(f"is not opened by this key: {said}", where=str(archive), hint="nodeops backup keys says for whom it is")
    return read_keys(io.BytesIO(done.stdout))


def published(file: Path) -> Identity:
    """Return the public identity by which members know a node. Raise InputError for a file that is none."""
    tree = plain(read_source(file).tree)
    try:
        return PublishedIdentity.model_validate(tree).identity
    except ValidationError:
        raise InputError("is not an identity", where=str(file), allowed=", ".join(PublishedIdentity.model_fields)) from None


def judged(node: str, files: dict[str, bytes], published: Identity) -> Finding:
    """Judge whether the keys of an archive are those that members know. Raise HostError for a key file that is damaged."""
    expected = f"the keys of validator {published.validator_address}, and what opens the backups"
    where = f"archive of {node}"
    validator = parse_validator_key(files.get("priv_validator_key.json", b""), where)
    found = parse_node_key(files.get("node_key.json", b""), where)
    hint = "make another from the host: nodeops backup keys --ensure"
    if (found, validator.value) != (published.node_id, published.validator_key.value):
        return Finding(f"{node}.custody", Verdict.FAIL, expected, "keys of another identity", hint)
    if FILE not in files:
        return Finding(f"{node}.custody", Verdict.WARN, expected, "the keys, but not what opens the backups", hint)
    return Finding(f"{node}.custody", Verdict.PASS, expected, f"{len(files)} files, the keys are those that members know")
