"""`nodeops fleet disk`, `mesh`, `backup`, `hosts`: one question to all managed hosts of a kind, and their answers as a table."""

from dataclasses import replace
from datetime import UTC, datetime

from nodeops.console import JsonFlag, emit
from nodeops.fleet.answer import answer_of
from nodeops.fleet.ask import AnswerOption, ConnectOption, InventoryOption, NodeOption, fleet_of, published
from nodeops.fleet.backups import backups_report
from nodeops.fleet.disks import disks_report
from nodeops.fleet.meshes import mesh_report, votes_of
from nodeops.fleet.plain_hosts import hosts_of, hosts_report
from nodeops.fleet.ssh import Limits
from nodeops.fleet.table import Seen

# A host answers from a file that its guard or its prober writes every few seconds.
_FILE_SECONDS = 10.0
# Each host asks its repository, which takes a second or two on purpose: a password is made slow to try.
_REPOSITORY_SECONDS = 60.0


def disk(
    inventory: InventoryOption = None,
    node: NodeOption = None,
    connect_timeout: ConnectOption = None,
    timeout: AnswerOption = _FILE_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show each node's fullest filesystem, its stage and forecast, its log. Exits with 1 from flood on or without an answer."""
    replies = fleet_of(inventory, node or ()).replies(Limits(timeout, connect_timeout), "disk", "status", "--json")
    emit(disks_report(replies), as_json)


def mesh(
    inventory: InventoryOption = None,
    node: NodeOption = None,
    connect_timeout: ConnectOption = None,
    timeout: AnswerOption = _FILE_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show round trips and losses between all nodes, whose fault an ill path is, and whether the network explains missed votes.

    Exits with 1 when a path is ill.
    """
    fleet = fleet_of(inventory, node or ())
    limits = Limits(timeout, connect_timeout)
    replies = fleet.replies(limits, "mesh", "show", "--json")
    asked = {reply.node: answer_of(reply.node, reply) for reply in fleet.replies(limits, "status", "--json")}
    votes = votes_of(Seen(fleet.consortium, asked, published(fleet.folder)[0]))
    emit(mesh_report(replies, sorted(fleet.consortium.nodes), votes), as_json)


def backup(
    inventory: InventoryOption = None,
    node: NodeOption = None,
    connect_timeout: ConnectOption = None,
    timeout: AnswerOption = _REPOSITORY_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show each node's newest backup in its repository: age, size. Exits with 1 where one is late, gone or missing."""
    replies = fleet_of(inventory, node or ()).replies(Limits(timeout, connect_timeout), "backup", "status", "--json")
    emit(backups_report(replies, datetime.now(UTC)), as_json)


def hosts(
    inventory: InventoryOption = None,
    connect_timeout: ConnectOption = None,
    timeout: AnswerOption = _FILE_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show the monitors and repositories of managed organisations: guards, pending updates, whose logs come.

    Exits with 1 when a finding of theirs fails, or one does not answer.
    """
    fleet = fleet_of(inventory, ())
    found = hosts_of(fleet.consortium, [fleet.consortium.nodes[name].organisation for name in fleet.nodes])
    asked = replace(fleet, nodes=list(found))
    emit(hosts_report(found, asked.replies(Limits(timeout, connect_timeout), "status", "--json") if found else []), as_json)
