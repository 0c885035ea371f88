"""Seven validators are restarted, patched, and taken to another version and back, while two write records: none is lost."""

import json
from collections.abc import Callable

import blocks
import builds
import hosts
import pytest
import rolled
import stream
from repository import Package, publish, version
from rolled import NEW, OLD, played, runs, touched

_STALE = "sed -i s/NODEOPS_CONFIGURATION=./NODEOPS_CONFIGURATION=x/ /etc/systemd/system/ledger.service; systemctl daemon-reload"
_REPLACED = "real=$(readlink -f /opt/ledger/current/ledgerd); cp -a $real $real.new; mv $real.new $real"


def at_all(line: str) -> None:
    hosts.at_once(lambda node: hosts.must(node, line), hosts.NODES)


def restarted() -> tuple[int, str]:
    at_all(_STALE)
    done = hosts.play("restart.yml", seconds=1800)
    return done.returncode, done.stdout


def patched() -> tuple[int, str]:
    """An update is pending, and the ledger's own program was replaced: each node is away once, under a lease."""
    done = hosts.play("patch.yml", "-e", "patch_class=all", seconds=2400)
    assert {version(node, "lab-package") for node in hosts.NODES} == {"2"}, done.stdout[-3000:]
    return done.returncode, done.stdout


def over() -> tuple[int, str]:
    return played("upgrade.yml", NEW, builds.built(NEW))


def back() -> tuple[int, str]:
    return played("rollback.yml", NEW)


def pending() -> None:
    """Let all nodes have an update to install, and a ledger whose program was replaced."""
    old, new = Package("lab-package", "1"), Package("lab-package", "2")

    def prepare(node: str) -> None:
        publish(node, old)
        hosts.must(node, hosts.unlocked("apt-get -qq -y install lab-package"))
        publish(node, new)
        hosts.must(node, _REPLACED)

    hosts.at_once(prepare, hosts.NODES)


def verify(version: str) -> None:
    """Let the file say which version runs, as everybody's does after a change, and judge all nodes by it."""
    told = json.dumps(builds.artifact(builds.built(NEW)) if version == NEW else {})
    with rolled.version(version):
        for book, *options in (("site.yml", "--tags", "ledger"), ("verify.yml",)):
            done = hosts.play(book, *options, "-e", told)
            assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize(
    ("work", "prepare", "then"),
    [(restarted, None, OLD), (patched, pending, OLD), (over, None, NEW), (back, None, OLD)],
    ids=["restart", "patch", "upgrade", "rollback"],
)
def test_no_record_is_lost_and_no_gap_is_longer_than_one_node_away(
    work: Callable[[], tuple[int, str]], prepare: Callable[[], None] | None, then: str, told: list[str]
) -> None:
    if prepare:
        prepare()
    since = blocks.mark()
    with stream.written(work.__name__) as found:
        code, said = work()
    assert code == 0, said[-4000:]
    assert (touched(since), runs()) == (hosts.NODES, {then})
    gap = stream.gap(found.first)
    taken, refused = ({node: len(one) for node, one in some.items()} for some in (found.taken, found.refused))
    told.append(f"{work.__name__}: taken {taken}, refused {refused}, {gap}")
    stream.assert_none_lost(found)
    assert gap.ratio <= stream.ALLOWANCE, (gap, found)
    since = blocks.mark()
    verify(then)
    assert touched(since) == []
