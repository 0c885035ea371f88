"""Records that a node writes all the time, by a unit of its own: no session has to live as long as the story."""

import json
import shlex

import hosts

_UNIT, _FOLDER = "steady-records", "/var/tmp/steady"
_WRITE = """mkdir -p {folder}; cd {folder}; n=$(ls | grep -c '^{node}-'); while sleep 4; do n=$((n+1)); echo {node} $n > {node}-$n
nodeops record add {node}-$n --json > /dev/null 2>> why && echo $n >> taken || echo $n >> refused; done"""


def begin(*nodes: str) -> None:
    """Let nodes write a record some seconds after the one before, until they are told to end."""
    for node in nodes:
        line = shlex.quote(_WRITE.format(folder=_FOLDER, node=node))
        hosts.must(node, f"systemd-run --quiet --collect --unit={_UNIT} sh -c {line}")


def end(*nodes: str) -> None:
    """Let nodes write no more."""
    for node in nodes:
        hosts.must(node, f"systemctl stop {_UNIT}.service")


def numbers(node: str, outcome: str) -> list[int]:
    """Return the numbers of the records that a node's ledger has taken, or refused."""
    return [int(line) for line in hosts.run(node, f"cat {_FOLDER}/{outcome}").out.split()]


def proven(writer: str, taken: list[int], reader: str) -> int:
    """Return how many of a writer's records another node proves, by its own copies of the files."""
    names = " ".join(f"{writer}-{number}" for number in taken)
    files = f"cd {_FOLDER}-read && for n in {' '.join(map(str, taken))}; do echo {writer} $n > {writer}-$n; done"
    said = hosts.run(reader, f"mkdir -p {_FOLDER}-read && {files} && nodeops record verify {names} --json", seconds=1200)
    return sum(one["standing"] == "matches" for one in json.loads(said.out)["records"])
