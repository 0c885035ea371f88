"""A ledger's RPC through a node: what goes over, and what does not."""

import json

import pytest

from nodeops.consortium.relay import METHODS, Relay, answers, relayed
from nodeops.core.errors import HostError, InputError, Refused
from nodeops.fleet.reach import answer_of
from nodeops.fleet.reply import Reply, State


class Node:
    """Stands for a node: its RPC answers each call with what it was asked."""

    nodes = ("one",)

    def __init__(self, answer=None):
        self.answer = answer
        self.asked = []

    def call(self, method, **params):
        return {"method": method, **params}

    def talk(self, node, verb, line):
        self.asked.append((node, list(verb)))
        return next(answers(self, [line])) if self.answer is None else self.answer

    def close(self):
        """Do nothing."""


def test_a_question_goes_over_as_the_ledger_wants_it():
    node = Node()
    found = Relay(node, "one").call("abci_query", path="/x", data=b"\x01", height=7, prove=True)
    assert found == {"method": "abci_query", "path": "/x", "data": "AQ==", "height": "7", "prove": True}
    assert node.asked == [("one", ["consortium", "relay"])]


def test_many_questions_are_one_request():
    node = Node()
    assert [one["height"] for one in Relay(node, "one").call_many("commit", [{"height": 1}, {"height": 2}])] == ["1", "2"]
    assert len(node.asked) == 1


@pytest.mark.parametrize("answer", [{}, {"results": []}, {"results": [1]}, {"results": {}}])
def test_an_answer_that_is_none_is_named(answer):
    with pytest.raises(HostError, match="cannot be true"):
        Relay(Node(answer), "one").call("status")


NOT_RELAYED = [
    "x",
    "[]",
    "{}",
    '{"method": "status"}',
    '{"method": "unsafe_flush_mempool", "batch": [{}]}',
    '{"method": [], "batch": 1}',
    '{"method": ["status"], "batch": []}',
    '{"method": "status", "batch": [1]}',
    '{"method": "status", "batch": [null, {}]}',
    '{"method": "status", "batch": [["method"]]}',
    '{"method": "status", "batch": [{"method": "x"}]}',
    '{"method": "status", "batch": [{"self": 1}]}',
]


@pytest.mark.parametrize("request_text", NOT_RELAYED)
def test_nothing_else_is_relayed(request_text):
    with pytest.raises(InputError):
        relayed(Node(), request_text)
    assert not any("unsafe" in method or "dial" in method for method in METHODS)


def test_after_a_request_that_is_refused_the_next_is_answered():
    refused, done = answers(Node(), ["x", '{"method": "status", "batch": [{}]}'])
    assert refused["error"]["kind"] == "input"
    assert done == {"results": [{"method": "status"}]}


def reply(**other) -> Reply:
    return Reply("one", **{"state": State.ANSWERED, "exit_code": 0, **other})


def test_what_a_host_refuses_is_raised_as_it_was_there():
    said = {"error": {"kind": "refused", "what": "no", "where": "here", "allowed": "", "hint": "wait"}}
    with pytest.raises(Refused, match="one: here: no"):
        answer_of(reply(exit_code=4, stdout=json.dumps(said)))


@pytest.mark.parametrize("one", [reply(stdout="hello"), reply(stdout="[1]"), Reply("one", State.DEAD, error="gone")])
def test_no_answer_is_an_error_of_the_host(one):
    with pytest.raises(HostError):
        answer_of(one)


def test_a_greeting_before_the_answer_is_passed_over():
    assert answer_of(reply(stdout='welcome\n{"a": 1}')) == {"a": 1}
