"""Who can log in over SSH with the keys that he has, and who could no longer when sshd is told something else. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from nodeops.hardening.host.sshd_config import Account, Block, listed

Said = Mapping[str, Sequence[str]]
_KEY = re.compile(r"(?:^|\s)((?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)\s+([A-Za-z0-9+/=]{40,})")
# What images of clouds leave with root: a key that only says whom to log in as.
_NO_LOGIN = "Please login as the user"
# What sshd calls signatures of a key whose own name is another (RFC 8332).
_SIGNED_AS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
_SWITCHES = {
    "publickey": "pubkeyauthentication",
    "password": "passwordauthentication",
    "keyboard-interactive": "kbdinteractiveauthentication",
    "gssapi-with-mic": "gssapiauthentication",
    "hostbased": "hostbasedauthentication",
}


@dataclass(frozen=True)
class Key:
    """A line of an authorized_keys file. `bits` is 0 for kinds of one length; `forced` tells whether it runs one command only."""

    kind: str
    bits: int
    forced: bool


def keys(text: str) -> list[Key]:
    """Return the keys of an authorized_keys file; what is no key is left out, as sshd does."""
    lines = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#" and _NO_LOGIN not in line]
    found = ((line, _KEY.search(line)) for line in lines)
    return [Key(match[1], _bits(match[1], match[2]), "command=" in line[: match.start()]) for line, match in found if match]


def _bits(kind: str, blob: str) -> int:
    """Return the length of an RSA key, 0 for another kind and for one that is damaged."""
    if kind != "ssh-rsa":
        return 0
    try:
        key = load_ssh_public_key(f"{kind} {blob}".encode())
    except (ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def refusal(account: Account, own: Sequence[Key], said: Said) -> str:
    """Return why an account cannot log in with its keys where sshd says this; empty when it can."""
    return _not_let_in(account, own, said) or _no_way(own, said)


def _not_let_in(account: Account, own: Sequence[Key], said: Said) -> str:
    root = _one(said, "permitrootlogin", "prohibit-password")
    if account.name == "root" and (root == "no" or (root == "forced-commands-only" and not any(key.forced for key in own))):
        return f"PermitRootLogin {root}"
    for what, names in (("Users", {account.name}), ("Groups", account.groups)):
        allowed, denied = said.get(f"allow{what.lower()}", ()), said.get(f"deny{what.lower()}", ())
        if any(_names(pattern, names) for pattern in denied):
            return f"Deny{what} {' '.join(denied)}"
        if allowed and not any(_names(pattern, names) for pattern in allowed):
            return f"Allow{what} {' '.join(allowed)}"
    return ""


def _names(patterns: str, names: set[str] | frozenset[str]) -> bool:
    return any(listed(pattern.partition("@")[0], name) for pattern in patterns.split() for name in names)


def _no_way(own: Sequence[Key], said: Said) -> str:
    """Return what stands in the way of every way in that AuthenticationMethods names; of several the first."""
    methods = _one(said, "authenticationmethods", "any")
    ways = [["publickey"]] if methods == "any" else [way.split(",") for way in methods.split()]
    reasons = [_blocked([step.partition(":")[0] for step in way], own, said) for way in ways]
    return "" if "" in reasons else reasons[0]


def _blocked(steps: Sequence[str], own: Sequence[Key], said: Said) -> str:
    for step in steps:
        if (switch := _SWITCHES.get(step)) and _one(said, switch, "yes") == "no":
            return f"{step} is asked for and switched off" if step != "publickey" else "keys are switched off"
    good = [key for key in own if _accepted(key, said)]
    if len(good) >= steps.count("publickey"):
        return ""
    if not own:
        return "no key"
    said_of = ", ".join(sorted({f"{key.kind}{f' of {key.bits} bits' if key.bits else ''}" for key in own}))
    return f"its keys are not accepted: {said_of}"


def _accepted(key: Key, said: Said) -> bool:
    allowed = _one(said, "pubkeyacceptedalgorithms", "")
    if key.bits and key.bits < int(_one(said, "requiredrsasize", "0")):
        return False
    return not allowed or any(name in allowed.split(",") for name in _SIGNED_AS.get(key.kind, (key.kind,)))


def _one(said: Said, key: str, default: str) -> str:
    return (said.get(key) or [default])[0]


def addresses(blocks: Sequence[Block]) -> list[str]:
    """Return one address for each pattern that a block asks for, and one that none may ask for: contexts of a login."""
    words = [word for block in blocks for name, word in _criteria(block) if name in ("address", "host")]
    found = [_sample(pattern) for word in words for pattern in word.split(",") if not pattern.startswith("!")]
    return list(dict.fromkeys(["192.0.2.1", *filter(None, found)]))[:8]


def _criteria(block: Block) -> Iterator[tuple[str, str]]:
    words = [word for each in block.criteria for word in each.split("=", 1)]
    return zip((word.lower() for word in words[::2]), words[1::2], strict=False)


def _sample(pattern: str) -> str:
    text = pattern.partition("/")[0].replace("*", "1").replace("?", "1")
    return text if re.fullmatch(r"[0-9a-fA-F:.]+", text) else ""
