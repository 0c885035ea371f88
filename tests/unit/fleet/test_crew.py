"""Many hosts at once: nobody waits for anybody."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event

import pytest

from nodeops.core.result import Result, Table
from nodeops.fleet import crew as crew_module
from nodeops.fleet.crew import Crew
from nodeops.fleet.reply import Reply, State
from nodeops.fleet.watch import observed, watch
from tests.unit.fleet.stopped_clock import StoppedClock

# Longer than any of these tests may take; nothing waits for it unless it fails.
AGES = 60.0


@dataclass
class FakeHost:
    """Answers with the number of times it was asked, once `may_answer` is set."""

    node: str
    may_answer: Event = field(default_factory=Event)
    connect_seconds: float = 0.0
    command_seconds: float = AGES
    asked: int = 0
    closed: bool = False

    def run(self, command: str) -> Reply:
        self.asked += 1
        answered = self.may_answer.wait(AGES)
        return Reply(self.node, State.ANSWERED if answered else State.DEAD, 0, f"{command} {self.asked}")

    def close(self) -> None:
        self.closed = True


def quick(*names: str) -> list[FakeHost]:
    hosts = [FakeHost(name) for name in names]
    for host in hosts:
        host.may_answer.set()
    return hosts


def test_a_slow_host_delays_no_other() -> None:
    slow = FakeHost("slow")
    with closing(Crew([slow, *quick("a", "b")])) as crew:
        coming = crew.replies("status")
        first = {next(coming).node, next(coming).node}
        slow.may_answer.set()
        assert first == {"a", "b"}
        assert [reply.node for reply in coming] == ["slow"]
    assert slow.closed


def test_a_host_that_breaks_every_limit_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "_SPARE_SECONDS", 0.1)
    stuck = FakeHost("stuck", command_seconds=0.0)
    with closing(Crew([stuck])) as crew:
        assert [(reply.node, reply.state) for reply in crew.replies("status")] == [("stuck", State.DEAD)]
        stuck.may_answer.set()


@pytest.mark.parametrize(("count", "patience"), [(0, 5.0), (1, 35.0), (32, 35.0), (33, 65.0)])
def test_patience_covers_every_host_in_turn(count: int, patience: float) -> None:
    hosts = [FakeHost(str(number), connect_seconds=10.0, command_seconds=20.0) for number in range(count)]
    with closing(Crew(hosts)) as crew:
        assert crew.patience == patience


def test_a_round_ends_without_the_host_that_is_busy_and_takes_its_answer_later() -> None:
    slow, fast = FakeHost("slow"), quick("fast")[0]
    with closing(Crew([slow, fast])) as crew:
        ends = (dict(known) for known, over in observed(crew, "status", 0.1, 500) if over)
        first = next(known for known in ends if "fast" in known)
        assert "slow" not in first
        slow.may_answer.set()
        later = next(known for known in ends if "slow" in known and int(known["fast"].stdout.split()[1]) > 1)
    assert later["slow"].stdout == "status 1", "it was asked once, not again while it was busy"


def judge(known: dict[str, Reply]) -> Result:
    rows = [(node, reply.stdout) for node, reply in sorted(known.items())]
    return Result({"nodes": dict(rows)}, tables=[Table(("node", "said"), rows)], lines=["footer"])


def test_watch_prints_one_table_a_round_without_a_terminal(clock: StoppedClock, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Crew(quick("a", "b"))) as crew:
        watch(crew, "status", judge, 2.0, 2, as_json=False)
    printed = capsys.readouterr().out.split("footer")
    assert len(printed) == 3
    assert "status 1" in printed[0]
    assert "status 2" in printed[1]
    assert clock.now == 2.0, "rounds are an interval apart, and nothing is waited for after the last"


def test_watch_prints_one_json_object_a_round(clock: StoppedClock, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Crew(quick("a"))) as crew:
        watch(crew, "status", judge, 2.0, 3, as_json=True)
    lines = [json.loads(line)["nodes"]["a"] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["status 1", "status 2", "status 3"]


def test_watch_is_left_with_ctrl_c(clock: StoppedClock, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(known: dict[str, Reply]) -> Result:
        raise KeyboardInterrupt

    with closing(Crew(quick("a"))) as crew:
        watch(crew, "status", interrupted, 0.2, None, as_json=False)
    assert capsys.readouterr().err == ""


def test_no_host_at_all() -> None:
    with closing(Crew([])) as crew:
        replies: Iterator[Reply] = crew.replies("status")
        assert list(replies) == []
