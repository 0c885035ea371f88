"""The validator addresses that members published beside the consortium file: whose votes the chain shows."""

from pathlib import Path

from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.ledger.founding.gather import read_folder


def published(folder: Path) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """Return the validator addresses that members published, and a finding when they cannot be read: status must still work."""
    expected = "the members' identities can be read"
    try:
        known = read_folder(folder).published
    except InputError as error:
        return {}, (Finding("fleet.identities", Verdict.WARN, expected, f"{error.where}: {error.what}", error.hint),)
    return {name: identity.validator_address for name, identity in known.items()}, ()
