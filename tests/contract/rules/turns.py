"""Which verb holds the host while it runs, and which does not, because: every verb that could change a host is in one table."""

from collections.abc import Iterator, Mapping
from typing import Any

from nodeops.cli import VERBS, load_verb

# The verb holds the host by `changes_host`, whatever it is asked to change.
HOLDS = {
    "agent rollback": "switches the tree that all verbs run from",
    "backup credential": "makes what opens the repository, once",
    "backup keys": "with --ensure it makes the archive of the keys; without, it only looks",
    "backup receive-keys": "puts the keys of a node into quarantine",
    "backup restore": "replaces keys, signing state and data, and starts the ledger",
    "backup start": "enables timers",
    "disk prepare": "may format a device, and stops the ledger for it",
    "disk start": "restarts the guard",
    "exporter certificate": "with --ensure it makes a key; without, it only looks",
    "exporter start": "restarts the exporter",
    "firewall confirm": "makes a change last",
    "hardening confirm": "makes a change last, and removes packages",
    "ledger identity": "with --ensure it makes the keys; without, it only looks",
    "ledger start": "starts the ledger",
    "lifecycle restart": "restarts the ledger, and puts its files back when it does not come back",
    "lifecycle retire": "stops the ledger for good, and may remove keys",
    "lifecycle rollback": "restarts the ledger with the version before",
    "lifecycle step-aside": "stops the ledger for a while",
    "log-host start": "restarts the log host",
    "logs level": "restarts the ledger at another level; its timer tries again until the host is free",
    "mesh start": "restarts the prober",
    "patch watch": "enables a timer",
}
# A change on trial: `trial.turn` holds the host, but not while it waits for another trial, whose confirm needs the host.
HOLDS_BY_TRIAL = {
    "firewall apply": "loads rules on trial",
    "hardening apply": "changes settings and packages on trial",
    "hardening undo": "changes settings and packages on trial",
    "patch apply": "upgrades packages, restarts services and the ledger",
}
_UNDO = "a way back is never kept waiting; the folder of its capability keeps it from meeting the change that it undoes"
_READS = "reads the host, and writes only what it remembers itself"
_UNIT = "is a unit that runs for ever, or that another verb's start waits for"
_GUARD = "the guard does it, which must act while anything else runs; it has a lock of its own"
_CHAIN = "writes to the ledger, not to the host"
_CONTROLLER = "runs on a controller, or on a machine that is no node"
DOES_NOT = {
    "backup drill": _READS,
    "backup forget": "runs where repositories are, alone by its unit, never on the node's state",
    "backup init": _READS,
    "backup run": _READS,
    "consortium approve": _CHAIN,
    "consortium enlist": _CHAIN,
    "consortium propose": _CHAIN,
    "consortium reject": _CHAIN,
    "consortium relay": _CHAIN,
    "consortium sign": _CONTROLLER,
    "disk admit": _UNIT,
    "disk guard": _UNIT,
    "disk hold": _GUARD,
    "disk purge": _GUARD,
    "disk release": _GUARD,
    "disk seal": _GUARD,
    "disk ship": _GUARD,
    "exporter serve": _UNIT,
    "firewall rollback": _UNDO,
    "hardening recover": _UNDO,
    "hardening rollback": _UNDO,
    "lifecycle watch": _READS,
    "log-host serve": _UNIT,
    "mesh serve": _UNIT,
    "patch status": _READS,
    "quorum gate": _UNIT,
    "quorum lease acquire": _CHAIN,
    "quorum lease release": _CHAIN,
    "quorum lease renew": _CHAIN,
    "record account": _CHAIN,
    "record add": _CHAIN,
    "sla statement": "reads the host, and writes the file that it is given",
}
# Rooms that no host is given, or whose verbs only ask.
ROOMS_ELSEWHERE = {"artifact", "document", "fleet", "lab", "metrics", "status"}
# Verbs that only look: their help says so, and they take no --dry-run.
LOOKS = {
    "agent build", "agent show", "agent verify", "backup list", "backup open-keys", "backup show", "backup status",
    "backup verify", "backup witness", "consortium departed", "consortium diff", "consortium drift", "consortium log",
    "consortium revision", "consortium show", "consortium signatures", "consortium status", "disk check",
    "disk forecast", "disk holds", "disk plan", "disk status", "disk verify", "firewall check", "firewall explain",
    "firewall show", "firewall status", "hardening audit", "hardening explain", "hardening list", "hardening plan",
    "ledger checkpoint", "ledger peers", "ledger status", "ledger validators", "ledger verify", "ledger wait",
    "lifecycle plan", "lifecycle ready", "log-host show", "logs show", "logs stats", "mesh show", "patch history", "patch plan",
    "patch wait", "quorum check", "quorum history", "quorum lease list", "quorum status", "record authors",
    "record show", "record verify", "sla check", "sla verify",
}  # fmt: skip


def verbs() -> Iterator[tuple[str, Any]]:
    """Yield every verb of a node by its words, with its command."""
    for room in VERBS:
        if room not in ROOMS_ELSEWHERE:
            yield from _leaves(load_verb(room), room)


def _leaves(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, below in command.commands.items():
        yield from _leaves(below, f"{words} {name}")


def breaches(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with verbs: in no list or in two, gone, not as listed, or a --dry-run among those that only look."""
    lists = (HOLDS, HOLDS_BY_TRIAL, DOES_NOT, LOOKS)
    for words, command in found.items():
        if (times := sum(words in each for each in lists)) != 1:
            yield f"nodeops {words}: is in {times} lists of rules/turns.py; say whether it holds the host, and why"
        elif _holds(command) is not (words in HOLDS):
            yield f"nodeops {words}: `changes_host` is {'missing' if words in HOLDS else 'there'}, against its list"
        elif words in LOOKS and "dry_run" in {one.name for one in command.params}:
            yield f"nodeops {words}: has --dry-run, so it changes something"
    yield from (f"nodeops {words}: is listed and not there" for each in lists for words in each if words not in found)


def _holds(command: Any) -> bool:
    return getattr(command.callback, "changes_host", False) is True
