"""What hosts say of the network between them, as one matrix, and whose fault it is where it is ill. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.document.profile import Quorum, load_profile
from nodeops.fleet.reply import Reply, State, json_text, one_line, parsed
from nodeops.fleet.table import Seen as Network
from nodeops.mesh.seen import Measured, Seen
from nodeops.mesh.verdict import Standing, Trouble, blames, is_noisy, pairs, standing, view
from nodeops.mesh.view import findings, ledger_findings, lost, milliseconds
from nodeops.mesh.votes import Voter, judged

_TROUBLE_CHARACTERS = 200


@dataclass(frozen=True)
class Votes:
    """The validators by name, and the share of their power that commits a block."""

    voters: Mapping[str, Voter]
    rule: Quorum


def answer_of(reply: Reply) -> Seen | str:
    """Return what a host said, or in a line why that is nothing. A host whose own findings fail leaves with 1."""
    if reply.state is not State.ANSWERED:
        return one_line(f"{reply.state.value}: {reply.error}", _TROUBLE_CHARACTERS)
    try:
        return Seen.model_validate(parsed(json_text(reply.stdout) or ""))
    except ValidationError:
        return one_line(f"exit code {reply.exit_code}: {reply.stderr or 'no valid answer'}", _TROUBLE_CHARACTERS)


def mesh_report(replies: Sequence[Reply], nodes: Sequence[str], votes: Votes | None = None) -> Result:
    """Return the matrix of round trips and losses, the causes that explain what is ill, and whether missed votes are explained.

    `nodes` are all of the consortium, those of others too: what they are seen as is judged, what they see is not known here.
    """
    answers = {reply.node: answer_of(reply) for reply in replies}
    seen = {node: said for node, said in answers.items() if isinstance(said, Seen)}
    views: dict[str, dict[str, Standing]] = {node: _known(view(said), nodes) for node, said in seen.items()}
    troubles = dict(_troubles(replies, seen))
    causes = blames(views, troubles)
    connections = (one for node, said in seen.items() for one in ledger_findings(_of_members(node, said, nodes)))
    # A node whose prober does not run is silent for everyone, though its network may be fine.
    measured = {pair: said for pair, said in pairs(views).items() if not any(troubles.get(end) == "prober" for end in pair)}
    explained = judged(votes.voters, measured, causes, votes.rule) if votes else ()
    data: dict[str, Any] = {
        "nodes": {
            node: {"error": said} if isinstance(said, str) else said.model_dump(mode="json") for node, said in answers.items()
        },
        "causes": [{**vars(one)} for one in causes],
    }
    return Result(
        data,
        tables=[_matrix(seen, nodes)],
        lines=["", "a row asks a column: median round trip of the last minute, and what was lost of it"],
        findings=[*_silent(answers), *findings(causes, views), *explained, *connections],
    )


def _troubles(replies: Sequence[Reply], seen: Mapping[str, Seen]) -> Iterator[tuple[str, Trouble]]:
    """Yield what is known of a node besides its paths. A login that is refused, or an answer that is late, says nothing of it."""
    for reply in replies:
        if said := seen.get(reply.node):
            if is_noisy(said):
                yield reply.node, "host"
        elif reply.state is State.DEAD:
            yield reply.node, "gone"
        elif reply.state is State.ANSWERED:
            yield reply.node, "prober"


def votes_of(seen: Network) -> Votes | None:
    """Return who voted in the last blocks as the node shows it that most others agree with, by names that members published."""
    reference = seen.reference
    if reference is None or not reference.signers:
        return None
    power = {one.address: one.power for one in reference.validators}
    voters = {
        name: Voter(power[address], share.signed, share.of)
        for name, address in seen.published.items()
        if address in power and (share := reference.signers.get(address))
    }
    return Votes(voters, load_profile(seen.consortium.ledger.platform).quorum)


def _known(row: Mapping[str, Standing], nodes: Sequence[str]) -> dict[str, Standing]:
    """Return what a host says of members; it may say anything of anybody."""
    return {name: said for name, said in row.items() if name in nodes}


def _of_members(node: str, said: Seen, nodes: Sequence[str]) -> Seen:
    """Return what a host says of members, under the name by which it was asked."""
    return said.model_copy(update={"node": node, "paths": {name: one for name, one in said.paths.items() if name in nodes}})


def _matrix(seen: Mapping[str, Seen], nodes: Sequence[str]) -> Table:
    rows = [(node, *(_cell(seen[node].paths.get(peer), node == peer) for peer in nodes)) for node in nodes if node in seen]
    return Table(("", *nodes), rows)


def _cell(one: Measured | None, itself: bool) -> str:
    if one is None or itself:
        return "·" if itself else ""
    said = standing(one)
    if said == "fine" and not one.recent_lost:
        return milliseconds(one.rtt_median)
    return f"{said}" if said in ("silent", "unknown") else f"{milliseconds(one.rtt_median)} {lost(one)} lost"


def _silent(answers: Mapping[str, Seen | str]) -> Iterator[Finding]:
    hint = "nodeops fleet status says more; ansible-playbook playbooks/mesh.yml installs the prober"
    for node, said in answers.items():
        if isinstance(said, str):
            yield Finding(f"{node}.mesh", Verdict.FAIL, "what its prober sees", said, hint)
