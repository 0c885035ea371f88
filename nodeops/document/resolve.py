"""Resolve the consortium file, the profile and one organisation's choices into the document of one host."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from pydantic import ValidationError

from nodeops.core.digest import digest
from nodeops.core.errors import InputError
from nodeops.document.choices.choices import Choices
from nodeops.document.load import described
from nodeops.document.log_hosts import log_host_of_each, with_log_host
from nodeops.document.models import (
    Consortium,
    LedgerPlan,
    Member,
    Node,
    NodeDocument,
    PlainDocument,
    PlainHost,
    Port,
    Waiver,
)
from nodeops.document.profile import Profile, load_profile

LOOPBACK = "127.0.0.1"


def consortium_digest(consortium: Consortium) -> str:
    """Return the SHA-256 that names this content of the consortium file, whoever holds a copy."""
    return digest(consortium.model_dump(mode="json"))


def host_paths() -> dict[str, str]:
    """Return where nodeops lives on a host."""
    text = (resources.files("nodeops.document") / "host_paths.toml").read_text(encoding="utf-8")
    paths: dict[str, str] = tomllib.loads(text)["paths"]
    return paths


def host_ports(kind: str) -> dict[str, Port]:
    """Return the ports of nodeops itself on a `node`, a `monitor`, a `repository`, and on one of both that is a `log_host`."""
    text = (resources.files("nodeops.document") / "host_ports.toml").read_text(encoding="utf-8")
    return {name: Port.model_validate(row) for name, row in tomllib.loads(text)[kind].items()}


def parse_choices(choices: Mapping[str, Any]) -> Choices:
    """Return one organisation's choices. Raise InputError for an unknown or impossible one."""
    try:
        return Choices.model_validate(dict(choices))
    except ValidationError as error:
        text = "\n".join(described(item, Choices) for item in error.errors(include_url=False, include_input=False))
        raise InputError(text, where="nodeops_choices", hint="nodeops document check names the lines") from error


def members(consortium: Consortium) -> list[Member]:
    """Return all nodes as peers see them, sorted by name so that every host writes the same bytes."""
    return [_member(name, node) for name, node in sorted(consortium.nodes.items())]


def _member(name: str, node: Node) -> Member:
    seen = {key: getattr(node, key) for key in ("organisation", "duty", "address", "site", "answers_members")}
    return Member(name=name, power=node.voting_power, **seen)


def resolve_host(
    consortium: Consortium, name: str, choices: Mapping[str, Any], waivers: Sequence[Waiver] = ()
) -> NodeDocument | PlainDocument:
    """Return the document of any host of the consortium: a node, a monitor or a repository. See `resolve`."""
    plain = _plain_host(consortium, name)
    if plain is None:
        return resolve(consortium, name, choices, waivers)
    limits = parse_choices(choices)
    log_host_of_each(consortium, limits.hardening.log_hosts)
    return PlainDocument(host=plain, **_for_every_host(consortium, plain, limits, waivers))


def _plain_host(consortium: Consortium, name: str) -> PlainHost | None:
    for kind, hosts in (("monitor", consortium.monitors), ("repository", consortium.repositories)):
        if name in hosts:
            return PlainHost.model_validate({"kind": kind, "name": name, **hosts[name].model_dump()})
    return None


def resolve(consortium: Consortium, node: str, choices: Mapping[str, Any], waivers: Sequence[Waiver] = ()) -> NodeDocument:
    """Return the node document of one node. `waivers` are all of the inventory's; those for this node are kept.

    Raise InputError for an unknown node or an impossible choice.
    """
    found = {member.name: member for member in members(consortium)}
    if node not in found:
        raise InputError(f"unknown node '{node}'", where="consortium.yml", allowed=", ".join(found))
    port = host_ports("log_host")["logs"].port
    limits = with_log_host(parse_choices(choices), consortium, found[node].organisation, port)
    ledger = _ledger_plan(consortium, load_profile(consortium.ledger.platform), limits, found[node])
    return NodeDocument(node=found[node], ledger=ledger, **_for_every_host(consortium, found[node], limits, waivers))


def _for_every_host(
    consortium: Consortium, own: Member | PlainHost, limits: Choices, waivers: Sequence[Waiver]
) -> dict[str, Any]:
    """Return what is in the document of a host, whatever it is for."""
    return {
        "consortium": consortium.consortium,
        "revision": consortium.revision,
        "consortium_digest": consortium_digest(consortium),
        "organisations": dict(sorted(consortium.organisations.items())),
        "members": members(consortium),
        "monitors": dict(sorted(consortium.monitors.items())),
        "repositories": dict(sorted(consortium.repositories.items())),
        "ports": admitted_ports(host_ports("node"), consortium, limits),
        "monitor_ports": host_ports("monitor"),
        "repository_ports": host_ports("repository"),
        "log_host_ports": host_ports("log_host"),
        "paths": host_paths(),
        "limits": limits,
        "waivers": [waiver for waiver in waivers if waiver.scope in ("all", own.name, own.organisation)],
    }


def admitted_ports(
    ports: Mapping[str, Port], consortium: Consortium, choices: Choices, *, answers_members: bool = False
) -> dict[str, Port]:
    """Return ports, each bound where its scope needs it: a port that nobody may reach listens on loopback."""
    monitors, clients = bool(consortium.monitors), bool(choices.firewall.clients) or answers_members
    admits = {"members": True, "organisation": True, "monitors": monitors, "clients": clients, "local": False}
    return {name: port if admits[port.scope] else port.model_copy(update={"bind": LOOPBACK}) for name, port in ports.items()}


def _ledger_plan(consortium: Consortium, profile: Profile, limits: Choices, own: Member) -> LedgerPlan:
    ledger = consortium.ledger
    folder = f"{profile.paths['binaries']}/{ledger.version}"
    paths = {
        **profile.paths,
        "version_directory": folder,
        "version_binary": f"{folder}/{profile.binary}",
        "current": f"{profile.paths['binaries']}/current",
        "binary": f"{profile.paths['binaries']}/current/{profile.binary}",
    }
    return LedgerPlan(
        platform=ledger.platform,
        version=ledger.version,
        chain=ledger.chain,
        application=ledger.application or profile.application,
        block_seconds=ledger.block_seconds,
        state_blocks=(ledger.state_blocks or profile.states.every_blocks) if profile.states else None,
        log_level=limits.log_level,
        log_levels=profile.log_levels,
        log=profile.log,
        user=profile.user,
        unit=profile.unit,
        ports=admitted_ports(profile.ports, consortium, limits, answers_members=own.answers_members),
        paths=dict(sorted(paths.items())),
    )


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, old value, new value) for each leaf that differs between two documents; None where absent."""
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key}", before, after
