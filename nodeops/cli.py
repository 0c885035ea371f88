"""The `nodeops` command: puts the rooms' verbs together and turns errors into messages and exit codes."""

import gc
import importlib
import resource
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from nodeops import __version__
from nodeops.console import emit_error
from nodeops.core.errors import HostError, InputError, NodeopsError

# Verb -> (module that holds its typer `app`, help). Modules are imported only when their verb is called, so that
# `nodeops --help` and a small verb on a busy host do not pay for libraries they do not use.
_ALL_VERBS: dict[str, tuple[str, str]] = {
    "agent": ("nodeops.agent.cli", "The agent on this host: which tree is active, build one, roll back."),
    "artifact": ("nodeops.artifacts.cli", "Ledger binaries: fetch or build, verify, list the cache."),
    "backup": ("nodeops.backup.cli", "Backups of this node's small state: make, list, verify, judge their age."),
    "consortium": ("nodeops.consortium.cli", "Who belongs, decided by m of n: what a revision changes, propose, show, vote."),
    "disk": ("nodeops.disk.cli", "The disk guard of this host: status, plan, forecast, seal, purge, hold, verify."),
    "document": ("nodeops.document.cli", "The consortium file and node documents: check, show, compare."),
    "exporter": ("nodeops.exporter.cli", "Metrics for the monitors: this host's certificate, its unit."),
    "firewall": ("nodeops.firewall.cli", "The firewall of this host: show, check, apply on trial, confirm, explain."),
    "fleet": ("nodeops.fleet.cli", "All managed nodes at once, over SSH."),
    "hardening": ("nodeops.hardening.cli", "Hardening of this host: audit, plan, apply on trial, confirm, undo, explain."),
    "lab": ("nodeops.lab.cli", "Docker containers that stand for hosts."),
    "ledger": ("nodeops.ledger.cli", "The ledger on this host: identity, start, status, peers, validators, wait, verify."),
    "lifecycle": ("nodeops.lifecycle.cli", "A node through its life: restart it when the others can do without it."),
    "log-host": ("nodeops.log_host.cli", "Logs of nodes, kept on a monitor or repository: whose come, and how much."),
    "logs": ("nodeops.logs.cli", "The ledger's log, sealed and live as one: show, statistics, level for a while."),
    "mesh": ("nodeops.mesh.cli", "The network to the other nodes: loss, round trips, whose fault it is."),
    "metrics": ("nodeops.metrics.cli", "Metrics: what this host exports now, what each means, do both agree?"),
    "patch": ("nodeops.lifecycle.patch.cli", "Updates of this host's system: status, plan, apply, wait, history."),
    "quorum": ("nodeops.quorum.cli", "What the chain can spare: may this node stop?"),
    "record": ("nodeops.records.cli", "Put hashes of records on the ledger, and verify records against them."),
    "sla": ("nodeops.sla.cli", "Service levels: check a contract, state what the chain says of a month, verify a statement."),
    "status": ("nodeops.status.cli", "This host at a glance."),
}
_PACKAGE = Path(__file__).parent


def _is_here(module: str) -> bool:
    """Tell whether a verb's module was shipped: a host is given no rooms that only a controller needs."""
    return _PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py").is_file()


VERBS = {name: row for name, row in _ALL_VERBS.items() if _is_here(row[0])}

# typer does not export the parent of its own usage errors.
_UsageError: Any = typer.BadParameter.__bases__[0]


class LazyGroup(TyperGroup):
    """A command group that imports a verb's module only when that verb is run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all verbs, sorted."""
        return sorted(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002 - click's signature
        """Return a verb's name and help for the help page; running it goes through `resolve_command`."""
        return TyperCommand(cmd_name, help=VERBS[cmd_name][1]) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import the verb that is being run."""
        if args and args[0] in VERBS:
            return args[0], load_verb(args[0]), args[1:]
        self.commands = {name: TyperCommand(name) for name in VERBS}  # what a mistyped verb is compared with
        return super().resolve_command(ctx, args)


def load_verb(name: str) -> Any:
    """Import the module of a verb and return its whole command. Raise HostError when a library it needs is not installed."""
    module, text = VERBS[name]
    try:
        command = typer.main.get_command(importlib.import_module(module).app)
        _collect_garbage()
    except ModuleNotFoundError as error:
        hint = "install nodeops with its extra 'operator'; verbs for controllers need more than hosts are given"
        raise HostError(f"the library '{error.name}' is not installed", where=f"nodeops {name}", hint=hint) from error
    command.help = text
    return command


def _collect_garbage() -> None:
    """Begin to look for garbage, which a tree's bin/nodeops does not while modules are read; they stay for good."""
    gc.freeze()
    gc.enable()


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, help="Run the nodes of a consortium ledger.")


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"nodeops {__version__}\n")
        raise typer.Exit


class Handed:
    """What rooms of lower floors are handed from above, made only when a verb asks for it."""

    @staticmethod
    def controls() -> Collection[str]:
        """Return the names of all hardening controls."""
        names: Collection[str] = importlib.import_module("nodeops.hardening.controls.catalogue").catalogue()
        return names

    @staticmethod
    def note(document: Any, book: str, kind: str, data: Mapping[str, Any]) -> None:
        """Add a note to a book of this host, unless it is the last one there already: its writer was killed."""
        notes, path = importlib.import_module("nodeops.receipts.notes"), Path(document.paths["state"]) / book
        written = notes.read(path)[0]
        if not written or (written[-1].kind, written[-1].data) != (kind, data):
            notes.append(path, document.node.name, kind, data)

    @staticmethod
    def reach(folder: Path) -> Any:
        """Return how the managed nodes of an inventory are reached, over SSH."""
        return importlib.import_module("nodeops.fleet.reach").reach(folder)


@app.callback()
def _root(
    context: typer.Context,
    _version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Keep the verbs a group, however many there are."""
    context.obj = Handed()


def _run(argv: list[str], as_json: bool) -> Any:
    """Run a verb. A person who mistypes gets typer's usage box; a machine gets the same as an InputError."""
    if not as_json:
        return app(args=argv)
    try:
        sys.exit(app(args=argv, standalone_mode=False))
    except _UsageError as error:
        place = error.ctx.command_path if error.ctx else "nodeops"
        raise InputError(error.format_message(), where=place, hint=f"{place} --help") from error


def _leave_on_signals() -> None:
    """Make `kill` and a closed terminal end us as Ctrl-C does: what we started is ended, what we hold is released."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores one of them on purpose
            signal.signal(number, lambda caught, _: sys.exit(128 + caught))


def main(arguments: Sequence[str] | None = None) -> Any:
    """Run the command line. Known errors become a message and a named exit code, never a traceback."""
    _leave_on_signals()
    # A core file would hold what was read: keys, passwords. Programs that we fork inherit this. What systemd starts for us does
    # not: units of others that hold secrets say LimitCORE. Where the kernel pipes cores into a program it asks no limit: that is
    # for the control core-dumps.suid.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    argv = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in argv
    try:
        return _run(argv, as_json)
    except NodeopsError as error:
        emit_error(error, as_json)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) went away; python would complain again while flushing at exit.
        sys.stderr.close()
        sys.exit(141)
