"""Rules between the parts of a consortium file: what no single field can see."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeVar

from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.inventory import check_log_hosts, check_other_choices, checked_choices, managed_nodes
from nodeops.document.lab_accounts import LAB_FILE, lab_account
from nodeops.document.load import Source, load_with_source
from nodeops.document.models import Consortium, Monitor, Node, Repository
from nodeops.document.profile import Profile, load_profile
from nodeops.document.states_rules import state_problems
from nodeops.document.waivers import load_waivers

T = TypeVar("T")
Location = tuple[str, ...]
# Groups of the inventory, and what Ansible itself gives a meaning to. The platform's name is a group too.
_GROUPS = {"all", "leavers", "localhost", "monitors", "nodes", "repositories", "ungrouped", "validator", "witness"}
RESERVED_NAMES = frozenset(_GROUPS)
# Ansible's groups of hosts that our playbooks make in the middle of a run.
_OURS = "nodeops-"

# Built into CometBFT (abci/example/kvstore); neither asks who sends a transaction.
_SAMPLES = frozenset({"kvstore", "persistent_kvstore"})


def checked_inventory(path: Path, controls: Collection[str] | None = None) -> tuple[Consortium, list[Finding]]:
    """Return what `checked_consortium` does, once the choices and the waivers beside the consortium file hold too.

    `controls` are the names that a waiver may have; None: they are not looked at. Raise InputError that names every mistake
    of all these files.
    """
    folder = path if path.is_dir() else path.parent
    problems: list[InputError] = []
    found = _kept(problems, lambda: checked_consortium(path))
    _kept(problems, lambda: checked_choices(folder))
    _kept(problems, lambda: check_other_choices(folder))
    if found:
        _kept(problems, lambda: managed_nodes(found[0], folder))
        _kept(problems, lambda: check_log_hosts(found[0], folder))
        _kept(problems, lambda: load_waivers(folder, found[0], controls))
    if problems:
        # A file that cannot be read at all is met twice.
        raise InputError.of_all(list({str(one): one for one in problems}.values()))
    assert found is not None  # noqa: S101 - without problems it was read
    return found


def _kept(problems: list[InputError], look: Callable[[], T]) -> T | None:
    try:
        return look()
    except InputError as error:
        problems.append(error)
        return None


def checked_consortium(path: Path) -> tuple[Consortium, list[Finding]]:
    """Return the consortium and its findings. Raise InputError, with lines, for anything that cannot work."""
    consortium, source = load_with_source(path)
    problems = [*conflicts(consortium), *_platform_problems(consortium), *_lab_accounts(consortium, path)]
    if problems:
        raise _as_error(source, problems)
    return consortium, advice(consortium, load_profile(consortium.ledger.platform))


def _as_error(source: Source, problems: Sequence[tuple[Location, str]]) -> InputError:
    (location, text), rest = problems[0], problems[1:]
    more = "".join(f"\n{source.where(other)}: {what}" for other, what in rest)
    return InputError(text + more, where=source.where(location))


def conflicts(consortium: Consortium) -> Iterator[tuple[Location, str]]:
    """Yield the location and text of each contradiction: unknown organisation, shared name, shared address."""
    seen: dict[str, str] = {}
    helpers: dict[str, Monitor | Repository] = {**consortium.monitors, **consortium.repositories}
    kinds: dict[str, Mapping[str, Node | Monitor | Repository]] = {
        "nodes": consortium.nodes,
        "monitors": consortium.monitors,
        "repositories": consortium.repositories,
    }
    for kind, hosts in kinds.items():
        for name, host in hosts.items():
            if host.organisation not in consortium.organisations:
                allowed = ", ".join(consortium.organisations)
                yield (kind, name, "organisation"), f"unknown organisation '{host.organisation}'; allowed: {allowed}"
            if host.address in seen:
                yield (kind, name, "address"), f"address {host.address} of {name} is already that of {seen[host.address]}"
            seen.setdefault(host.address, name)
    yield from _group_names(consortium, ("organisations", *kinds))
    yield from _shared_admins(consortium)
    for name in sorted(set(consortium.nodes) & set(helpers)):
        yield ("monitors" if name in consortium.monitors else "repositories", name), f"'{name}' is already the name of a node"
    for name in sorted(set(consortium.monitors) & set(consortium.repositories)):
        yield ("repositories", name), f"'{name}' is already the name of a monitor"
    yield from _second_repositories(consortium)
    for name in sorted(set(consortium.organisations) & (set(consortium.nodes) | set(helpers))):
        yield ("organisations", name), f"'{name}' names both an organisation and a host"


def _group_names(consortium: Consortium, kinds: Sequence[str]) -> Iterator[tuple[Location, str]]:
    """Yield names that Ansible, or a playbook of ours, gives to a group of its own."""
    reserved = RESERVED_NAMES | {consortium.ledger.platform}
    for kind in kinds:
        for name in sorted(getattr(consortium, kind)):
            if name in reserved:
                yield (kind, name), f"'{name}' is the name of an Ansible group; choose another"
            elif name.startswith(_OURS):
                yield (kind, name), f"'{name}' begins with {_OURS}, as groups of our playbooks do; choose another"


def _shared_admins(consortium: Consortium) -> Iterator[tuple[Location, str]]:
    """Yield people who decide for two organisations: their one signature would count twice."""
    seen: dict[str, str] = {}
    for name, organisation in consortium.organisations.items():
        for key in {" ".join(line.split()[:2]) for line in organisation.admins}:
            if key in seen:
                yield ("organisations", name, "admins"), f"has an admin of {seen[key]}: an admin decides for one organisation"
            seen.setdefault(key, name)


def _second_repositories(consortium: Consortium) -> Iterator[tuple[Location, str]]:
    seen: dict[str, str] = {}
    for name, host in consortium.repositories.items():
        if host.organisation in seen:
            what = f"{host.organisation} has the repository {seen[host.organisation]} already; one each"
            yield ("repositories", name, "organisation"), what
        seen.setdefault(host.organisation, name)


def _platform_problems(consortium: Consortium) -> Iterator[tuple[Location, str]]:
    try:
        profile = load_profile(consortium.ledger.platform)
    except InputError as error:
        yield ("ledger", "platform"), f"{error.what}; allowed: {error.allowed}"
    else:
        yield from _group_problems(consortium, profile)
        yield from state_problems(consortium, profile)


def _group_problems(consortium: Consortium, profile: Profile) -> Iterator[tuple[Location, str]]:
    """Yield what a chain that asks organisations for their votes lacks, and what another chain has no use for."""
    if profile.founding != "group":
        yield from _signed_threshold(consortium, profile)
        yield from _useless_keys(consortium, profile)
        return
    if consortium.ledger.application:
        yield ("ledger", "application"), f"{profile.platform} brings its own application: leave it out"
    owner: dict[str, str] = {}
    for name, organisation in consortium.organisations.items():
        if organisation.account is None:
            yield ("organisations", name), f"{name} needs an account, the public key that votes for it (docs/ledgerd.md)"
        elif organisation.account in owner:
            yield ("organisations", name, "account"), f"is the account of {owner[organisation.account]} too"
        else:
            owner[organisation.account] = name
    yield from _record_key_problems(consortium, owner)
    yield from _threshold_problems(consortium)


def _threshold_problems(consortium: Consortium) -> Iterator[tuple[Location, str]]:
    if consortium.threshold and consortium.threshold > len(consortium.organisations):
        yield ("threshold",), f"is {consortium.threshold}; allowed: 1 to {len(consortium.organisations)}, the organisations"


def _lab_accounts(consortium: Consortium, path: Path) -> Iterator[tuple[Location, str]]:
    folder = path if path.is_dir() else path.parent
    if (folder / LAB_FILE).exists():
        return
    known = {lab_account(name) for name in consortium.organisations}
    what = "is a lab's, whose key anybody can compute: make one of your own (docs/ledgerd.md)"
    for name, organisation in consortium.organisations.items():
        if organisation.account in known:
            yield ("organisations", name, "account"), what
        for place, key in organisation.record_keys.items():
            if key in known:
                yield ("organisations", name, "record_keys", place), what


def _signed_threshold(consortium: Consortium, profile: Profile) -> Iterator[tuple[Location, str]]:
    """Yield what keeps admins from agreeing by signatures, where the chain cannot ask organisations."""
    yield from _threshold_problems(consortium)
    for name, organisation in consortium.organisations.items():
        if consortium.threshold and not organisation.admins:
            text = f"{profile.platform} cannot ask organisations, so their admins sign (threshold): {name} needs one"
            yield ("organisations", name), text


def _record_key_problems(consortium: Consortium, owner: dict[str, str]) -> Iterator[tuple[Location, str]]:
    """Yield keys for records that somebody else has, and names that are a node's. `owner` holds the accounts' keys."""
    for organisation, member in consortium.organisations.items():
        for name, key in member.record_keys.items():
            place = ("organisations", organisation, "record_keys", name)
            if name in consortium.nodes:
                yield place, f"'{name}' is the name of a node, which has a key of its own"
            if key in owner:
                yield place, f"is the key of {owner[key]} too"
            owner[key] = f"{name} ({organisation})"
    for number, one in enumerate(consortium.former):
        if one.record_key in owner:
            yield ("former", str(number), "record_key"), f"is the key of {owner[one.record_key]} too, which counts today"


def _useless_keys(consortium: Consortium, profile: Profile) -> Iterator[tuple[Location, str]]:
    for name, organisation in consortium.organisations.items():
        if organisation.account:
            yield ("organisations", name, "account"), f"{profile.platform} has no accounts: leave it out"
        if organisation.record_keys:
            yield ("organisations", name, "record_keys"), f"{profile.platform} does not know who wrote a record: leave it out"
    if consortium.former:
        yield ("former",), f"{profile.platform} does not know who wrote a record: leave it out"


def advice(consortium: Consortium, profile: Profile) -> list[Finding]:
    """Return what works but should be known: too few validators, one organisation that can halt or rule the chain,
    an application that is for trials, addresses that others may not reach.
    """
    power = {name: node.voting_power for name, node in consortium.nodes.items()}
    total = sum(power.values())
    validators = sum(1 for share in power.values() if share)
    findings = [_validator_count(validators), *_sample_application(consortium.ledger.application or profile.application)]
    held: Counter[str] = Counter()
    for name, node in consortium.nodes.items():
        held[node.organisation] += power[name]
    for organisation, share in sorted(held.items()):
        findings.extend(_concentration(organisation, share, total, profile))
    return [*findings, *_reach(consortium)]


# RFC 1918, RFC 6598, RFC 4193: these mean another host, or none, in every other network.
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_NAMED = 5


def _is_private(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in _PRIVATE)


def _reach(consortium: Consortium) -> Iterator[Finding]:
    """Yield what is doubtful about who reaches whom: every node connects to every other, there are no sentries between."""
    private = [name for name, node in consortium.nodes.items() if _is_private(node.address)]
    if not private or len({node.organisation for node in consortium.nodes.values()}) < 2:
        return
    expected = "every node reaches every other at the address in consortium.yml"
    names = ", ".join(private[:_NAMED]) + (f" and {len(private) - _NAMED} more" if len(private) > _NAMED else "")
    public = {name for name in consortium.nodes if name not in private}
    validators = {name for name, node in consortium.nodes.items() if node.voting_power}
    if public and validators <= set(private):
        actual = (
            f"all validators have private addresses ({names}) and only witnesses public ones: a witness passes nothing on "
            "to a validator of another organisation that cannot be reached itself"
        )
    else:
        actual = f"private addresses in a consortium of several organisations: {names}"
    hint = "right where one private network (a VPN) joins all organisations; else write addresses that the others reach"
    yield Finding("addresses", Verdict.WARN, expected, actual, hint)


def _validator_count(validators: int) -> Finding:
    expected = "4 validators or more: with fewer, losing any one stops the chain"
    if validators >= 4:
        return Finding("validators", Verdict.PASS, expected, f"{validators} validators")
    text = {
        0: "no validator: no block will ever be made",
        1: "one validator: whoever runs it decides alone, and no quorum protects anyone",
    }
    actual = text.get(validators, f"{validators} validators: no node may be down")
    return Finding("validators", Verdict.WARN, expected, actual, "add validators of other organisations")


def _sample_application(application: str) -> Iterator[Finding]:
    if application in _SAMPLES:
        expected = "an ABCI application of the consortium's own, which checks who may write what"
        actual = (
            f"{application} is CometBFT's sample, for trials only: whoever reaches one node's RPC, any local user of its host, "
            "can change the validators and so halt the chain by one transaction (val=...)"
        )
        hint = "before anything real stands on it: take platform cosmos (docs/ledgerd.md), or your own by its socket"
        yield Finding("application", Verdict.WARN, expected, actual, hint)


def _concentration(organisation: str, share: int, total: int, profile: Profile) -> Iterator[Finding]:
    rule = profile.quorum
    expected = f"no organisation holds power that others cannot do without ({rule.why})"
    if share * rule.denominator > total * rule.numerator:
        actual = f"{organisation} holds {share} of {total} voting power and can commit blocks alone"
        yield Finding("concentration", Verdict.WARN, expected, actual, "spread validators over organisations")
    elif total and (total - share) * rule.denominator <= total * rule.numerator:
        actual = f"{organisation} holds {share} of {total} voting power: the chain halts while all its nodes are down"
        yield Finding(
            "concentration", Verdict.WARN, expected, actual, "spread validators over organisations, or accept it knowingly"
        )
