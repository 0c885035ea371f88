"""What is done in each chapter of the story: organisations decide, make their hosts, and ask whether all is as the file says."""

import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gaps
import hosts
import yaml
from members import Controller, each, pem

PATIENCE_SECONDS = 600
FOUNDERS = ("alpha-1", "beta-1", "gamma-1", "delta-1")
NEWCOMERS = ("alpha-2", "beta-2", "gamma-2", "epsilon-1")
# Each has a scenario of its own.
LEFT_OUT = "hardening,exporter,mesh,backup,patch"
PARTS = "firewall,ledger"
Change = Callable[[dict[str, Any]], Any]


@dataclass
class Story:
    """Who belongs now, the public keys of the first day by node, what nodes took, and what each chapter took and cost."""

    members: dict[str, Controller]
    first_day: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def of(self, node: str) -> Controller:
        """Return the controller of a node's organisation."""
        return next(one for one in self.members.values() if node in one.nodes)


def before_the_newcomers(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the consortium file of the founders alone."""
    return {
        **tree,
        "organisations": {name: one for name, one in tree["organisations"].items() if name != "epsilon"},
        "nodes": {name: one for name, one in tree["nodes"].items() if name in FOUNDERS},
    }


def decide(members: Sequence[Controller], change: Change) -> None:
    """Write the next revision at every member's, and let the first three agree to it: the first of them proposes it."""
    newest = max(members, key=lambda one: max((int(file.stem) for file in one.kept(1).parent.glob("*.yml")), default=0))
    for one in members:
        one.takes(newest)
        one.edit(change)
    first, second, third, *_ = members
    assert first.signs("propose")["changed"]
    assert second.signs("approve")["outcome"].endswith("is open")
    assert third.signs("approve")["outcome"].startswith(f"in force: revision {first.revision}")
    each(members, _knows)


def _knows(one: Controller) -> None:
    """Wait until an organisation's own nodes tell that the file at hand is in force: they may be a block behind."""
    until = time.monotonic() + PATIENCE_SECONDS
    while one.answers("status")[0]:
        assert time.monotonic() < until, f"{one.name}: {one.answers('status')}"
        time.sleep(1)


def take_turns(story: Story, begins: str) -> list[Controller]:
    """Return the members in their order, beginning with one of them."""
    ordered = list(story.members.values())
    place = list(story.members).index(begins)
    return ordered[place:] + ordered[:place]


def make(members: Iterable[Controller], *options: str) -> None:
    """Let each organisation make its hosts what is in force, all at the same time."""
    for name, done in each(members, lambda one: one.plays("site.yml", *options)).items():
        assert done.returncode == 0, f"{name}: {done.stdout[-5000:]}"


def exchange(members: Iterable[Controller]) -> None:
    """Give everybody the identities that each published."""
    members = list(members)
    for one in members:
        one.publishes_to(*(other for other in members if other is not one))


def verify(members: Iterable[Controller]) -> None:
    """Fail unless `verify.yml` is green at each, and nothing differs from the file.

    Who was restarted a moment ago may not have found all its peers again: it is asked more than once.
    """
    for name, wrong in each(members, _verified).items():
        assert not wrong, f"{name}: {wrong}"


def _verified(one: Controller) -> str:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = one.plays("verify.yml")
        if done.returncode == 0:
            break
        if time.monotonic() > until:
            return done.stdout[-5000:]
        time.sleep(5)
    differing = [row for row in one.says("drift", code=0)["drift"] if row["verdict"] == "fail"]
    return str(differing) if differing else ""


def powers(node: str) -> dict[str, bool]:
    """Return the validators as a node sees them: whether each has signed lately, by address."""
    found = hosts.verb(node, "ledger", "validators", codes=(0, 1))["validators"]
    return {one["address"]: bool(one["live"]) for one in found}


def all_vote(seen_by: str, *nodes: str, story: Story) -> None:
    """Wait until these nodes are the validators of the chain, no other is, and all have signed lately."""
    expected = {story.of(node).published(node)["validator_address"]: True for node in nodes}
    until = time.monotonic() + PATIENCE_SECONDS
    while (found := powers(seen_by)) != expected:
        assert time.monotonic() < until, f"{found}, expected {expected}"
        time.sleep(1)


def enlist(story: Story, node: str) -> None:
    """Judge whether a witness is ready, at its organisation's controller, and put its validator key on the chain."""
    done = story.of(node).plays("join.yml", "--limit", node)
    assert f"{node} is ready" in done.stdout, done.stdout[-5000:]
    assert story.of(node).signs("enlist", node)["changed"]


def retire(one: Controller, node: str) -> None:
    """Retire the host of a node that left, with its keys."""
    done = one.plays("leave.yml", "--limit", node, "-e", "leave_keys=shredded")
    assert done.returncode == 0, done.stdout[-5000:]
    assert hosts.run(node, "ls /var/lib/ledger/keys").out == ""
    receipt = yaml.safe_load((one.folder / f"retired-{node}.json").read_text(encoding="utf-8"))
    assert (receipt["host"], receipt["data"]["keys"]) == (node, "shredded")


def welcome(newcomer: Controller, member: Controller) -> None:
    """Give an organisation that comes in what another has: the file, the genesis with its digest, identities and revisions."""
    shutil.copy2(member.folder / "genesis.json", newcomer.folder)
    for folder in ("identities", "revisions"):
        shutil.copytree(member.folder / folder, newcomer.folder / folder, dirs_exist_ok=True)
    newcomer.takes(member)
    newcomer.chooses(nodeops_genesis=yaml.safe_load((member.folder / "group_vars/all.yml").read_text())["nodeops_genesis"])


def renewed_key(one: Controller) -> None:
    """From now on sign with the organisation's new key."""
    one.key = pem(one.folder, f"{one.name} renewed")


def digest_said(text: str) -> str:
    """Return the digest of the genesis that a run named."""
    found = re.findall(r"genesis\.json has SHA-256 ([0-9a-f]{64})", " ".join(text.split()))
    assert found, text[-3000:]
    return str(found[-1])


def height() -> int:
    """Return the newest height of a node that is there from the first to the last day."""
    return gaps.height("alpha-2")
