"""The network keeps committing while all nodes are hardened: no node restarts, no block is late."""

import re

import blocks
import remote

from nodeops.document.load import load_consortium

BLOCK_SECONDS = load_consortium(remote.SCENARIO).ledger.block_seconds


def test_no_gap_while_all_nodes_are_hardened() -> None:
    remote.at_once(lambda node: remote.apply(node, "undo"), remote.NODES)
    mark = blocks.mark()
    done = remote.play("harden.yml")
    assert done.returncode == 0, done.stdout[-6000:]
    remote.verb(remote.NODES[0], "ledger", "wait", "--blocks", "6", "--timeout", "240")
    blocks.assert_undisturbed(mark, blocks.most_seconds(BLOCK_SECONDS))


def test_a_second_run_changes_nothing() -> None:
    again = remote.play("harden.yml")
    assert re.findall(r"changed=(\d+)", again.stdout) == ["0"] * len(remote.NODES), again.stdout[-6000:]
    for node, answer in remote.at_once(remote.apply, remote.NODES).items():
        assert not answer["changed"], (node, answer["changes"])
        assert answer["trial"] is None
