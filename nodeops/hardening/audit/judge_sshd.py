"""Judge a keyword of sshd: for everyone, and in each Match block that goes before that. Pure.

Of two Match blocks that fit a login the first one counts, and of what no block says what is for everyone counts. So when every
value anywhere is good, every login is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodeops.hardening.audit.fact import Fact
from nodeops.hardening.controls.settings import Sshd
from nodeops.hardening.controls.strictness import as_strict, asks_for_a_key, uses
from nodeops.hardening.host.sshd_config import Block

Said = Mapping[str, Sequence[str]]
_METHODS = "authenticationmethods"
# A login needs one of these, so fewer are stricter. All lines of all files count together.
_ONE_OF = ("allowgroups",)
_SHOWN_NAMES = 6


@dataclass(frozen=True)
class SshdSeen:
    """What sshd makes of its files for everyone, and of each Match block. `reads_ours`: whether our drop-in is among them;
    `current`: whether the listener has read them since they were changed; `options`: those of its command line, which go
    before all files."""

    everyone: Said
    blocks: Mapping[Block, Said]
    reads_ours: bool = True
    current: bool = True
    options: str = ""


def sshd_line(setting: Sshd) -> str:
    """Return a setting as sshd_config has it."""
    return f"{setting.key} {setting.value}"


def judge_sshd(setting: Sshd, ours: Said, seen: SshdSeen) -> Fact:
    """Return the judgement of a keyword. `ours` is what sshd makes of our line."""
    key, expected = setting.key.lower(), f"sshd: {_shown(sshd_line(setting))}"
    if "error" in seen.everyone:
        return Fact(False, "sshd reads its files", seen.everyone["error"][0])
    if not seen.reads_ours:
        without = "its sshd_config has no Include /etc/ssh/sshd_config.d/*.conf"
        return Fact(False, "sshd reads our file", f"it is started with {seen.options}" if "-f " in seen.options else without)
    wanted, found = ours.get(key), seen.everyone.get(key)
    if wanted is None or found is None:
        return Fact(False, expected, f"{setting.key} is not known to this sshd")
    started = f", and sshd is started with {seen.options}" if seen.options else ""
    wrong = [] if _fits(setting, wanted, found, seen.everyone, seen) else [_difference(setting, wanted, found) + started]
    for block, said in seen.blocks.items():
        if key in said and not _fits(setting, wanted, said[key], said, seen):
            wrong.append(f"{_difference(setting, wanted, said[key])} for {block}")
    if not wrong and not seen.current:
        return Fact(False, "sshd has read its files since they were changed", "it has not read them yet")
    return Fact(not wrong, expected, "; ".join(wrong) or _difference(setting, wanted, found))


def _fits(setting: Sshd, wanted: Sequence[str], found: Sequence[str], context: Said, seen: SshdSeen) -> bool:
    if setting.key.lower() in _ONE_OF:
        return set(found) <= set(wanted)
    if set(wanted) <= set(found) or as_strict(setting.bound, wanted[0], found[0]):
        return True
    if setting.factor is None or list(found) != ["yes"]:
        return False
    # A method that only ever follows a key opens nothing by itself.
    methods = [said[_METHODS][0] for said in (seen.everyone, *seen.blocks.values()) if _METHODS in said]
    here = context.get(_METHODS) or seen.everyone.get(_METHODS, ["any"])
    return asks_for_a_key(here[0]) and any(uses(each, setting.factor) for each in methods)


def _difference(setting: Sshd, wanted: Sequence[str], found: Sequence[str]) -> str:
    """Return what was found in words that can be read: of a long list only what it has too much."""
    if setting.bound != "within":
        return _shown(f"{setting.key} {', '.join(found)}")
    more = [name for name in found[0].split(",") if name not in wanted[0].split(",")]
    return f"{setting.key} allows also {_shown(','.join(more))}" if more else f"{setting.key} is as strict"


def _shown(text: str) -> str:
    names = text.split(",")
    return text if len(names) <= _SHOWN_NAMES else f"{','.join(names[:_SHOWN_NAMES])} and {len(names) - _SHOWN_NAMES} more"
