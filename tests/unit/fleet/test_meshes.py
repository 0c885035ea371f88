"""What hosts say of the network and of votes, put together."""

import json
from dataclasses import replace
from typing import Any

from nodeops.core.finding import Verdict
from nodeops.fleet.answer import answer_of
from nodeops.fleet.meshes import mesh_report, votes_of
from nodeops.fleet.reply import Reply, State
from nodeops.fleet.table import Seen
from tests.unit.fleet.samples import NODES, address, consortium, reply


def measured(lost: int = 0) -> dict[str, Any]:
    times = {"rtt_median": 0.02, "rtt_p99": 0.03, "jitter": 0.001, "silent_seconds": 1.0}
    counts = {"sent": 600, "answered": 600 - lost, "lost": lost, "late": 0, "duplicate": 0, "unsent": 0}
    return {**counts, **times, "recent": 60, "recent_lost": lost}


def sees(node: str, **lost: int) -> Reply:
    """What `nodeops mesh show --json` prints; names have an underscore for their dash."""
    paths = {peer: measured(lost.get(peer.replace("-", "_"), 0)) for peer in NODES if peer != node}
    said = {"uptime": 600, "tree": "t", "node": node, "noise": measured(), "paths": paths, "without_certificate": []}
    return Reply(node, State.ANSWERED, 0, json.dumps({**said, "strangers": 0, "forged": 0, "too_many": 0}))


def signers(**missed: int) -> dict[str, Any]:
    return {address(node): {"signed": 20 - missed.get(node.replace("-", "_"), 0), "of": 20, "last_height": 99} for node in NODES}


def network(**missed: int) -> Seen:
    asked = {node: answer_of(node, reply(node, signers=signers(**missed))) for node in ("cu-1", "cu-2")}
    return Seen(consortium(), asked, {node: address(node) for node in NODES})


def test_votes_that_a_lossy_uplink_costs_are_laid_at_it_and_others_are_not() -> None:
    replies = [sees("cu-1", cu_2=9), sees("cu-2", cu_1=9, wx_1=12, wi_1=8), sees("wx-1", cu_2=11), sees("wi-1", cu_2=7)]
    found = {one.id: one for one in mesh_report(replies, list(NODES), votes_of(network(cu_2=5, wi_1=1))).findings}
    assert set(found) == {"mesh.uplink.cu-2", "mesh.votes.cu-2", "mesh.votes.wi-1"}
    assert "missed 5 of 20, explained by its uplink (lossy)" in found["mesh.votes.cu-2"].actual
    assert "missed 1 of 20, not explained by the network" in found["mesh.votes.wi-1"].actual
    assert found["mesh.votes.wi-1"].verdict is Verdict.WARN


def silent(*, host: Reply) -> dict[str, str]:
    """What is said where one host answers like that, and the three others hear nothing of it."""
    name = host.node.replace("-", "_")
    replies = [host, *(sees(node, **{name: 60}) for node in NODES if node != host.node)]
    return {one.id: one.actual for one in mesh_report(replies, list(NODES), votes_of(network(**{name: 5}))).findings}


def test_a_host_that_nobody_reaches_is_gone_not_slow() -> None:
    found = silent(host=Reply("wi-1", State.DEAD, error="no route to host"))
    assert set(found) == {"wi-1.mesh", "mesh.gone.wi-1", "mesh.votes.wi-1"}
    assert "it answers neither here nor the others: the host or its uplink is gone" in found["mesh.gone.wi-1"]
    assert "explained by silence" in found["mesh.votes.wi-1"]


def test_a_host_whose_prober_does_not_run_is_named_so_and_its_network_blamed_for_no_vote() -> None:
    found = silent(host=Reply("wi-1", State.ANSWERED, 3, "", "host: the prober never ran since the boot"))
    assert "its prober does not run" in found["mesh.prober.wi-1"]
    assert "not explained by the network" in found["mesh.votes.wi-1"]


def test_a_host_that_refused_our_login_may_have_any_ill() -> None:
    found = silent(host=Reply("wi-1", State.LOGIN, error="no key of ours"))
    assert "its network, its host, or its prober" in found["mesh.uplink.wi-1"]


def test_where_all_vote_nothing_is_said_of_votes() -> None:
    replies = [sees(node) for node in NODES]
    assert [one.id for one in mesh_report(replies, list(NODES), votes_of(network())).findings] == ["mesh"]


def test_a_node_of_ours_that_claims_a_height_of_its_own_decides_nothing_about_votes() -> None:
    seen = network()
    lie = reply("wx-1", height=900_000, signers=signers(cu_1=20, cu_2=20, wi_1=20))
    assert votes_of(Seen(seen.consortium, {**seen.answers, "wx-1": answer_of("wx-1", lie)}, seen.published)) == votes_of(seen)


def test_without_a_status_nobody_knows_who_voted() -> None:
    silent = Seen(consortium(), {"cu-1": answer_of("cu-1", Reply("cu-1", State.DEAD, error="gone"))}, {})
    assert votes_of(silent) is None
    assert mesh_report([sees("cu-1")], list(NODES), None).exit_code == 0


def test_figures_that_no_float_holds_are_no_answer_and_take_no_other_away() -> None:
    honest = sees("cu-1", cu_2=9)
    lying = replace(honest, stdout=honest.stdout.replace('"recent_lost": 9', f'"recent_lost": {"9" * 400}'))
    result = mesh_report([lying, sees("cu-2")], list(NODES))
    assert ("error" in result.data["nodes"]["cu-1"], "error" in result.data["nodes"]["cu-2"]) == (True, False)
