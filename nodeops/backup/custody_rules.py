"""For whom the keys are encrypted, and what must be true of the archive. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import NodeDocument

# One who is away, or has lost a key, must not be the end.
LEAST = 2
# What age encrypts to; it knows neither ECDSA keys nor those of a security token.
_KINDS = ("ssh-ed25519",)
_ENSURE = "nodeops backup keys --ensure, which the role backup runs"


def recipients(document: NodeDocument) -> list[str]:
    """Return the admin keys of the node's organisation that age can encrypt to, each once, without names.

    Raise InputError when there are fewer than two.
    """
    admins = document.organisations[document.node.organisation].admins
    found = sorted({" ".join(key.split()[:2]) for key in admins if key.split()[0] in _KINDS})
    if len(found) < LEAST:
        where = f"consortium.yml: organisations.{document.node.organisation}.admins"
        raise InputError(f"names {len(found)} keys that age can use", where=where, allowed=f"{LEAST} or more of ssh-ed25519")
    return found


def judge_archive(note_identity: Mapping[str, Any] | None, own: Mapping[str, Any], intact: bool) -> Finding:
    """Judge whether the archive is that of the keys which are on the host, and is as it was written."""
    expected = "the archive holds the keys of this node, and is as it was written"
    if note_identity is None:
        return Finding("backup.keys", Verdict.WARN, expected, "there is none", _ENSURE)
    if not intact:
        return Finding("backup.keys", Verdict.FAIL, expected, "it was changed or is gone", _ENSURE)
    if note_identity != own:
        return Finding("backup.keys", Verdict.FAIL, expected, "it holds the keys of another identity", _ENSURE)
    return Finding("backup.keys", Verdict.PASS, expected, "it does")


def judge_people(sealed: Sequence[str], wanted: Sequence[str]) -> Iterator[Finding]:
    """Judge whether those who can open it are the admins of today's consortium file."""
    if sealed:
        same = set(sealed) == set(wanted)
        actual = f"{len(sealed)} keys, {'the same' if same else 'not the same'}"
        verdict = Verdict.PASS if same else Verdict.FAIL
        yield Finding("backup.keys.admins", verdict, f"the {len(wanted)} admins of the consortium file", actual, _ENSURE)


def judge_ledger(validator_key: str, voting: Mapping[str, str] | None, address: str, power: int) -> Finding:
    """Judge whether the ledger knows the key that was sealed. `voting` are public keys (base64) by address, None: no answer."""
    expected = "the ledger's validator set has this node's public key"
    if not power:
        return Finding("backup.keys.ledger", Verdict.NOT_APPLICABLE, expected, "a witness does not vote")
    if voting is None:
        return Finding("backup.keys.ledger", Verdict.UNKNOWN, expected, "the ledger does not answer")
    if voting.get(address) == validator_key:
        return Finding("backup.keys.ledger", Verdict.PASS, expected, address)
    hint = "these keys are not those with which this node was taken in; find out which are"
    return Finding("backup.keys.ledger", Verdict.FAIL, expected, f"{address} is not in it", hint)
