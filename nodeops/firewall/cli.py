"""`nodeops firewall`: show, check, apply on trial, confirm, rollback, status, explain."""

import os
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import asdict, replace
from ipaddress import ip_address
from typing import Annotated, Any, Literal

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, WaitOption, emit
from nodeops.core.errors import HostError, InputError
from nodeops.core.result import Result, Table
from nodeops.document.host import load_host_document
from nodeops.document.models import HostDocument
from nodeops.firewall import change
from nodeops.firewall.addresses import current_rules
from nodeops.firewall.drift_rules import Seen, changes, findings, state
from nodeops.firewall.explain import explain as explained
from nodeops.firewall.guard_rules import Login, require_a_way_in
from nodeops.firewall.knock import knock
from nodeops.firewall.live import hits
from nodeops.firewall.observe import NAME, observe, state_folder
from nodeops.firewall.others import judged_others
from nodeops.firewall.rules import Rule, RuleSet
from nodeops.firewall.ruleset import nft_text
from nodeops.host import trial
from nodeops.host.lock import changes_host, held
from nodeops.host.ssh.session import ssh_connection

app = typer.Typer(no_args_is_help=True)

TokenArgument = Annotated[str, typer.Argument(help="The token that apply printed.")]
ConsoleFlag = Annotated[bool, typer.Option("--console", help="You sit at a console: no new SSH session vouches for the change.")]
ProtocolOption = Annotated[Literal["tcp", "udp"], typer.Option("--protocol", help="tcp or udp.")]
NftFlag = Annotated[bool, typer.Option("--nft", help="The script as it is loaded, instead of a table.")]


def _document(path: Any) -> HostDocument:
    if os.geteuid() != 0:
        raise HostError("the rules of a host are for root only", where="nodeops firewall", hint="run with sudo")
    return load_host_document(path)


@app.command()
def show(nft: NftFlag = False, document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show the rules that follow from the node document, whether they are loaded or not."""
    host = load_host_document(document)
    rules = current_rules(host)
    if nft:
        emit(Result({"script": nft_text(rules)}, lines=nft_text(rules).splitlines()), as_json)
        return
    data = {"host": host.title, "rules": [_row(rule) for rule in _data(rules)]}
    emit(Result(data, tables=[_rules_table(rules, host.title)]), as_json)


def _data(rules: RuleSet) -> Iterable[dict[str, Any]]:
    return (asdict(rule) for rule in rules.rules)


def _row(rule: dict[str, Any]) -> dict[str, Any]:
    return {**rule, "networks": [str(network) for network in rule["networks"]]}


def _rules_table(rules: RuleSet, title: str) -> Table:
    return Table(("rule", "direction", "port", "who", "networks", "why"), [_cells(rule) for rule in rules.rules], title)


def _cells(rule: Rule) -> tuple[str, ...]:
    networks = ", ".join(map(str, rule.networks))
    return rule.name, rule.direction, f"{rule.protocol} {rule.port or 'any'}", rule.who, networks, rule.why


@app.command()
def check(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Check that document, file and loaded rules say the same, that they let the operators in, and that no other rules
    refuse what they let in. Changes nothing.
    """
    node = _document(document)
    rules = current_rules(node)
    seen = observe(node, rules)
    require_a_way_in(rules, login())
    result = _result(node, seen)
    emit(replace(result, findings=[*result.findings, judged_others(rules)]), as_json)


@app.command()
def apply(
    wait: WaitOption = 0.0, document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False
) -> None:
    """Load the rules on trial: they are undone unless `confirm` comes in time over a new SSH connection."""
    node = _document(document)
    rules = current_rules(node)
    folder = change.prepared_folder(node)
    with nullcontext() if dry_run else trial.turn(NAME, folder, wait):
        seen = observe(node, rules)
        require_a_way_in(rules, login())
        wanted = changes(seen)
        if not wanted or dry_run:
            emit(
                Result({"state": state(seen), "trial": None}, findings=[] if dry_run else findings(seen), changes=wanted), as_json
            )
            return
        begun = change.put_on_trial(node, seen)
    emit(_begun(begun, wanted), as_json)


def _begun(begun: trial.Trial, wanted: Any) -> Result:
    seconds = int(begun.remaining_seconds)
    lines = [f"on trial for {seconds} s; keep it from a new SSH login: sudo nodeops firewall confirm {begun.token}"]
    return Result({"state": "on trial", "trial": {"token": begun.token, "seconds": seconds}}, lines=lines, changes=wanted)


@app.command()
@changes_host()
def confirm(
    token: TokenArgument, console: ConsoleFlag = False, document: DocumentOption = None, as_json: JsonFlag = False
) -> None:
    """Keep the rules on trial, once a new SSH login, and a node's peers and height, prove them. Exit code 5: not yet."""
    node = _document(document)
    with held(change.prepared_folder(node)):
        change.confirm(node, token, console)
        emit(_result(node, observe(node)), as_json)


@app.command()
def rollback(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Take back the rules on trial now."""
    node = _document(document)
    with held(change.prepared_folder(node)):
        change.roll_back(node)
        emit(Result({"state": state(observe(node)), "trial": None}, lines=["taken back"]), as_json)


@app.command()
def status(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show whether the rules are on, on trial, off or changed by someone else, and what was refused so far."""
    node = _document(document)
    emit(_result(node, observe(node)), as_json)


def _result(node: HostDocument, seen: Seen) -> Result:
    counted = hits()
    running = trial.pending(state_folder(node))
    left = None if running is None else {"seconds": int(running.remaining_seconds)}
    table = Table(("packets refused by", "since loaded"), [(name, str(count)) for name, count in counted.items()])
    data = {"host": node.title, "state": state(seen), "trial": left, "refused": counted}
    lines = [f"firewall of the {node.title}: {state(seen)}"]
    return Result(data, lines=lines, tables=[table] if counted else [], findings=findings(seen))


@app.command()
def explain(
    address: Annotated[str, typer.Argument(help="The IP address that connects.")],
    port: Annotated[int, typer.Argument(min=1, max=65535, help="The port it connects to.")],
    protocol: ProtocolOption = "tcp",
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which rule that is loaded, ours or another's, lets an address reach a port of this host or stops it, and why."""
    node = _document(document)
    seen = knock(_plain(address), port, protocol)
    found = explained(node, _rules_or_none(node), seen.outcome, address, port, protocol)
    verdict = {True: "allowed", False: "refused", None: "not known"}[found.allowed]
    unread = [f"{name} could not be copied, so it is not judged here" for name in seen.unread]
    lines = [
        f"this host: {node.title}",
        f"{address} ({found.address_is}) to {protocol} port {port} ({found.port_is}): {verdict} by '{found.rule}'",
        f"why: {found.why}",
        *(f"but: {one}" for one in (*found.but, *unread)),
    ]
    asked = {"host": node.title, "address": address, "port": port, "protocol": protocol}
    emit(Result({**asked, **asdict(found), "not_judged": list(seen.unread)}, lines=lines), as_json)


def _plain(address: str) -> str:
    """Return an address in its usual spelling; an IPv4 address written as an IPv6 one is the same address."""
    try:
        found = ip_address(address)
    except ValueError as error:
        raise InputError(f"'{address}' is not an IP address", where=f"nodeops {NAME} explain") from error
    return str(getattr(found, "ipv4_mapped", None) or found)


def _rules_or_none(node: HostDocument) -> RuleSet | None:
    """Return what the document asks for; None while one of its names has no address: what is loaded is judged all the same."""
    try:
        return current_rules(node)
    except HostError:
        return None


def login() -> Login | None:
    """Return the SSH connection this verb was called over; None at a console."""
    found = ssh_connection()
    return None if found is None else Login(*found)
