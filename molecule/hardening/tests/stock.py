"""Measure the stock hosts and remember what is on them; run by prepare.yml, before anything of ours is there."""

import json
import sys

import remote
import snapshot
import witnesses


def main() -> None:
    """Write build/witnesses/<release>/before.json, and a snapshot of each host with the witnesses on it."""
    if any(
        said.code == 0 for said in remote.at_once(lambda node: remote.run(node, "test -e /etc/nodeops"), remote.NODES).values()
    ):
        sys.stdout.write("these hosts are not stock any more: what was measured before stays\n")
        return
    older, newer = remote.NODES
    remote.at_once(witnesses.install, remote.NODES)
    witnesses.install_content(newer, older)
    remote.at_once(lambda node: witnesses.measure(node, witnesses.STOCK), remote.NODES)
    remote.BUILD.mkdir(parents=True, exist_ok=True)
    for node, seen in remote.at_once(snapshot.take, remote.NODES).items():
        (remote.BUILD / f"stock-{node}.json").write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
