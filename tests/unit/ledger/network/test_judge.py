"""Tables for the judgement of a whole network: who is live, what may be lost, and what the nodes must agree on."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.finding import Verdict
from nodeops.document.models import Consortium
from nodeops.ledger.network.judge import ChainState, NetworkView, NodeState, judge
from nodeops.ledger.node.status import NodeStatus
from tests.unit.ledger.network_made import HEIGHT, address, block, consortium, status, statuses, stopped

FOUR = consortium()
SEVEN = consortium(**dict.fromkeys("abcdefg", 1))
OLD = {"block_age_seconds": 120.0}
Asked = dict[str, NodeStatus | None]


def verdicts(view: NetworkView) -> dict[str, Verdict]:
    return {finding.id.removeprefix("network."): finding.verdict for finding in view.findings}


def actual(view: NetworkView, name: str) -> str:
    return next(finding.actual for finding in view.findings if finding.id == f"network.{name}")


def states(view: NetworkView) -> dict[str, str]:
    return {row.name: row.state.value for row in view.rows}


def test_a_healthy_network_passes_everything() -> None:
    view = judge(SEVEN, statuses(SEVEN))
    assert view.chain is ChainState.RUNNING
    assert view.summary == "running, margin 2 (7 of 7 power live, 5 needed)"
    assert (view.height, view.live_power, view.total_power, view.needed_power, view.margin) == (HEIGHT, 7, 7, 5, 2)
    assert set(states(view).values()) == {"running"}
    assert set(verdicts(view).values()) == {Verdict.PASS}
    assert json.loads(json.dumps(view.as_dict()))["rows"][0]["state"] == "running"


def down(members: Consortium, names: str, last: int, how: str, **changes: Any) -> Asked:
    """Return the statuses after the named nodes last signed at a height; `how` says what they answer now."""
    silent = dict.fromkeys(names, last)
    asked: Asked = {name: status(members, name, silent, **changes) for name in members.nodes}
    return asked | {name: stopped(members, name) if how == "stopped" else None for name in names}


@pytest.mark.parametrize(
    ("names", "last", "how", "summary"),
    [
        ("g", HEIGHT - 9, "dead", "running, margin 1 (6 of 7 power live, 5 needed)"),
        ("fg", HEIGHT - 9, "dead", "running, margin 0: one more loss halts it (5 of 7 power live, 5 needed)"),
        ("fg", HEIGHT - 2, "dead", "running, margin 0: one more loss halts it (5 of 7 power live, 5 needed)"),
        # The votes of a node that fell silent a moment ago still count while they are in the newest commit ...
        ("fg", HEIGHT - 1, "dead", "running, margin 2 (7 of 7 power live, 5 needed)"),
        # ... but a host that says its ledger does not run is believed at once.
        ("fg", HEIGHT - 1, "stopped", "running, margin 0: one more loss halts it (5 of 7 power live, 5 needed)"),
        (
            "efg",
            HEIGHT - 1,
            "stopped",
            "running so far, but only 4 of 7 power live, 5 needed: it halts unless validators come back",
        ),
    ],
)
def test_the_margin_follows_the_votes(names: str, last: int, how: str, summary: str) -> None:
    view = judge(SEVEN, down(SEVEN, names, last, how))
    assert view.summary == summary
    assert {name for name, state in states(view).items() if state == "dead"} == set(names)
    assert verdicts(view)["nodes"] is Verdict.FAIL


def test_a_halted_chain_counts_those_who_are_up() -> None:
    view = judge(SEVEN, down(SEVEN, "efg", HEIGHT - 1, "dead", **OLD))
    assert view.chain is ChainState.HALTED
    assert view.summary == "HALTED: 4 of 7 power live, 5 needed"
    assert view.margin == -1
    assert states(view)["a"] == "halted"
    assert verdicts(view)["chain"] is Verdict.FAIL
    assert verdicts(view)["signing"] is Verdict.UNKNOWN


def test_a_halted_chain_with_enough_up_says_so() -> None:
    view = judge(SEVEN, statuses(SEVEN, **OLD))
    assert view.summary.startswith("HALTED: 7 of 7 power live, 5 needed: enough are up")
    assert view.asked == "all 7 nodes were asked"


def test_nodes_not_asked_are_up_in_a_halted_chain_when_they_are_connected() -> None:
    view = judge(SEVEN, statuses(SEVEN, list("ab"), **OLD, peers=["b", "c", "d"]))
    assert view.summary.startswith("HALTED: 4 of 7")
    assert states(view)["c"] == states(view)["g"] == "not asked"
    assert next(row.note for row in view.rows if row.name == "c") == "connected"
    assert view.asked == "2 of 7 nodes were asked (a, b); the others are judged by what these see"


def test_before_the_first_block() -> None:
    young = {"height": 0, "block_age_seconds": None, "recent": [], "signers": {}, "validators": []}
    view = judge(FOUR, statuses(FOUR, **young))
    assert view.summary.startswith("HALTED: 4 of 4")
    assert next(iter(view.rows)).note == "no block yet"


def test_after_the_first_block_there_are_no_votes_to_go_by() -> None:
    signers = {address(name): {"signed": 0, "of": 0, "last_height": None} for name in FOUR.nodes}
    assert judge(FOUR, statuses(FOUR, height=1, recent=[block(1)], signers=signers)).live_power == 4


def test_a_moving_chain_is_judged_by_votes_not_by_who_was_asked() -> None:
    view = judge(SEVEN, {"a": status(SEVEN, "a")})
    assert view.live_power == 7
    assert verdicts(view)["chain"] is Verdict.PASS
    assert verdicts(view)["validators"] is Verdict.UNKNOWN
    assert verdicts(view)["strangers"] is Verdict.UNKNOWN


def test_published_addresses_name_those_who_were_not_asked() -> None:
    published = {name: address(name) for name in SEVEN.nodes}
    view = judge(SEVEN, {"a": status(SEVEN, "a", {"g": 80})}, published)
    assert verdicts(view)["validators"] is verdicts(view)["strangers"] is Verdict.PASS
    assert actual(view, "signing") == "not signing: g"
    assert [row.note for row in view.rows][-2:] == ["signing", "not signing"]


@pytest.mark.parametrize("asked", [{}, {"a": None}, {"a": stopped(FOUR, "a"), "b": None}], ids=["nobody", "dead", "stopped"])
def test_when_nobody_answers_nothing_is_known(asked: Asked) -> None:
    view = judge(FOUR, asked)
    assert view.chain is ChainState.UNKNOWN
    assert view.summary == "UNKNOWN: no node answers; 3 of 4 power needed"
    assert verdicts(view)["chain"] is Verdict.FAIL


@pytest.mark.parametrize(
    ("changes", "state", "note"),
    [
        ({}, NodeState.RUNNING, ""),
        ({"error": "net_info: too slow"}, NodeState.RUNNING, "net_info: too slow"),
        ({"catching_up": True, "lag_blocks": 7}, NodeState.CATCHING_UP, "7 blocks behind"),
        ({"block_age_seconds": 31.0}, NodeState.HALTED, "newest block 31 s old"),
        ({"block_age_seconds": -31.0}, NodeState.HALTED, "newest block -31 s old"),
        ({"block_age_seconds": 30.0}, NodeState.RUNNING, ""),
        ({"validator_address": "F" * 40}, NodeState.NOT_SIGNING, "not in the validator set"),
        ({"running": False, "error": "refused"}, NodeState.DEAD, "refused"),
    ],
)
def test_what_one_node_does(changes: dict[str, Any], state: NodeState, note: str) -> None:
    row = judge(FOUR, {**statuses(FOUR), "d": status(FOUR, "d", **changes)}).rows[-1]
    assert (row.state, row.note) == (state, note)


def test_a_validator_in_the_set_that_does_not_vote() -> None:
    view = judge(FOUR, {name: status(FOUR, name, {"d": 80}) for name in FOUR.nodes})
    assert states(view)["d"] == "not signing"
    assert actual(view, "signing") == "not signing: d"
    assert view.margin == 0


def test_a_witness_need_not_sign() -> None:
    members = consortium(a=1, b=1, c=1, d=1, w=0)
    view = judge(members, statuses(members))
    assert states(view)["w"] == "running"
    assert set(verdicts(view).values()) == {Verdict.PASS}


def in_set(**powers: int) -> list[dict[str, Any]]:
    return [{"address": address(name), "power": power} for name, power in powers.items()]


@pytest.mark.parametrize(
    ("validators", "finding", "said"),
    [
        (in_set(a=1, b=1, c=1), "validators", "d is not in the set"),
        (in_set(a=1, b=1, c=1, d=2), "validators", "d has power 2, the file says 1"),
        (in_set(a=1, b=1, c=1, d=1, x=1), "strangers", f"not of the file: {address('x')}"),
    ],
)
def test_the_set_must_be_that_of_the_file(validators: list[dict[str, Any]], finding: str, said: str) -> None:
    view = judge(FOUR, statuses(FOUR, validators=validators))
    assert verdicts(view)[finding] is Verdict.FAIL
    assert actual(view, finding) == said


def test_a_witness_that_votes_is_found() -> None:
    members = consortium(a=1, b=1, c=1, w=0)
    view = judge(members, statuses(members, validators=in_set(a=1, b=1, c=1, w=1)))
    assert actual(view, "validators") == "w is a witness but votes"


def test_uneven_powers_count_as_power() -> None:
    members = consortium(a=10, b=1, c=1, d=1)
    assert judge(members, statuses(members)).summary == "running, margin 4 (13 of 13 power live, 9 needed)"
    assert judge(members, down(members, "a", 80, "dead", **OLD)).summary == "HALTED: 3 of 13 power live, 9 needed"


@pytest.mark.parametrize(
    ("changes", "finding", "verdict", "said"),
    [
        ({"recent": [block(HEIGHT, "x")]}, "app_hash", Verdict.FAIL, f"a, b, c / d differ at height {HEIGHT}"),
        ({"recent": [block(7)]}, "app_hash", Verdict.UNKNOWN, "too far apart to compare: d"),
        ({"recent": []}, "app_hash", Verdict.UNKNOWN, "too far apart to compare: d"),
        ({"document_digest": "1" * 64}, "document", Verdict.FAIL, "revision 1 differs: a, b, c, the file / d"),
        ({"revision": 2}, "document", Verdict.WARN, "another revision than 1: d"),
        ({"genesis_digest": "1" * 64}, "genesis", Verdict.FAIL, "a, b, c / d differ"),
        ({"genesis_digest": None}, "genesis", Verdict.UNKNOWN, "none readable on d"),
        ({"release": "v0.38.20"}, "version", Verdict.FAIL, "d runs v0.38.20"),
        ({"release": None}, "version", Verdict.UNKNOWN, "d calls itself 0.38.19"),
        ({"release": None, "version": "0.38.21"}, "version", Verdict.PASS, "4 nodes"),
        ({"validator_address": address("a")}, "identities", Verdict.FAIL, "a, d claim the same validator key"),
        ({"node_id": address("a").lower()}, "identities", Verdict.FAIL, "a, d claim the same node id"),
    ],
)
def test_one_node_that_disagrees_is_named(changes: dict[str, Any], finding: str, verdict: Verdict, said: str) -> None:
    view = judge(FOUR, {**statuses(FOUR), "d": status(FOUR, "d", **changes)})
    assert (verdicts(view)[finding], actual(view, finding)) == (verdict, said)


def test_two_digests_for_one_older_revision_are_found() -> None:
    changes = {"c": {"revision": 9}, "d": {"revision": 9, "document_digest": "1" * 64}}
    view = judge(FOUR, {**statuses(FOUR), **{name: status(FOUR, name, **change) for name, change in changes.items()}})
    assert actual(view, "document") == "revision 9 differs: c / d"


def test_a_key_other_than_the_published_one_is_found() -> None:
    view = judge(FOUR, statuses(FOUR), {"d": address("x")})
    assert "d has another validator key" in actual(view, "identities")


def test_a_node_that_the_file_does_not_know_is_left_out() -> None:
    view = judge(FOUR, {**statuses(FOUR), "x": status(FOUR, "x"), "y": None})
    assert [row.name for row in view.rows] == list("abcd")
    assert set(verdicts(view).values()) == {Verdict.PASS}


def test_two_stuck_nodes_do_not_outvote_one_that_moves() -> None:
    stuck = {name: status(FOUR, name, height=7, recent=[block(7)], **OLD) for name in "ab"}
    view = judge(FOUR, {**stuck, "c": status(FOUR, "c")})
    assert view.chain is ChainState.RUNNING
    assert states(view)["a"] == "halted"


heights = st.integers(0, (1 << 63) - 1)
names = st.sampled_from([*"abcdx", *(address(name) for name in "abcdx")])
lies = st.fixed_dictionaries(
    {},
    optional={
        "running": st.booleans(),
        "height": heights,
        "catching_up": st.booleans(),
        "block_age_seconds": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
        "voting_power": heights,
        "peers": st.lists(names, max_size=5),
        "validator_address": st.sampled_from([address(name) for name in "abcdx"]) | st.none(),
        "signers": st.dictionaries(
            st.sampled_from([address(name) for name in "abcdx"]),
            st.fixed_dictionaries({"signed": heights, "of": heights, "last_height": heights | st.none()}),
        ),
        "validators": st.lists(st.builds(lambda name, power: in_set(**{name: power})[0], st.sampled_from("abcdx"), heights)),
        "recent": st.lists(st.builds(block, heights), max_size=5),
        "genesis_digest": st.none(),
    },
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdx"), st.none() | lies))
def test_no_set_of_lies_crashes_the_judge(told: dict[str, Any]) -> None:
    view = judge(FOUR, {name: None if changes is None else status(FOUR, name, **changes) for name, changes in told.items()})
    assert len(view.rows) == 4
    assert len(view.findings) == 13
    json.dumps(view.as_dict())


def test_what_does_not_protect_a_host_any_more_is_a_finding_on_the_network() -> None:
    open_hosts = {**statuses(FOUR), "a": status(FOUR, "a", troubles=["firewall.live: no rules of ours are loaded"])}
    view = judge(FOUR, open_hosts)
    assert {name for name, verdict in verdicts(view).items() if verdict is not Verdict.PASS} == {"guards"}
    assert actual(view, "guards") == "a: firewall.live: no rules of ours are loaded"
