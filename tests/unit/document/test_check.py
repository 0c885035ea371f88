"""What no single field can see: contradictions are errors, weaknesses are findings."""

import pytest

from nodeops.core.errors import InputError
from nodeops.core.finding import Verdict
from nodeops.document.check import checked_consortium
from tests.unit.document.written import GOOD, inventory, with_change


def problem(tmp_path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        checked_consortium(inventory(tmp_path, text))
    return str(caught.value).replace(f"{tmp_path}/", "")


ADMIN = "ssh-ed25519 " + "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
CONTRADICTIONS = {
    "unknown organisation": (
        with_change("organisation: telecom", "organisation: tellecom"),
        "consortium.yml:10: unknown organisation 'tellecom'; allowed: telecom, maker",
    ),
    "unknown organisation of a monitor": (
        with_change("tel-mon: {organisation: telecom", "tel-mon: {organisation: who"),
        "consortium.yml:19: unknown organisation 'who'",
    ),
    "shared address": (
        with_change("10.0.0.2", "10.0.0.1"),
        "consortium.yml:14: address 10.0.0.1 of tel-2 is already that of tel-1",
    ),
    "shared address, other spelling": (with_change("10.0.0.2", '"::ffff:10.0.0.1"'), "already that of tel-1"),
    "shared name, other spelling": (with_change("10.0.0.3", "NODE2.maker.example"), "already that of mak-2"),
    "address of a monitor": (
        with_change("10.0.0.9", "10.0.0.3"),
        "consortium.yml:19: address 10.0.0.3 of tel-mon is already that of mak-3",
    ),
    "name of a node and a monitor": (
        with_change("tel-mon:", "tel-1:"),
        "consortium.yml:19: 'tel-1' is already the name of a node",
    ),
    "name of an organisation and a node": (
        with_change("tel-2:", "telecom:"),
        "consortium.yml:6: 'telecom' names both an organisation and a host",
    ),
    "a node called all": (with_change("tel-2:", "all:"), "consortium.yml:14: 'all' is the name of an Ansible group"),
    "an organisation called monitors": (
        GOOD.replace("maker", "monitors"),
        "consortium.yml:7: 'monitors' is the name of an Ansible group",
    ),
    "a monitor called as the platform": (with_change("tel-mon:", "cometbft:"), "'cometbft' is the name of an Ansible group"),
    "a second repository of an organisation": (
        GOOD + "repositories:\n  r1: {organisation: maker, address: 10.9.0.1}\n  r2: {organisation: maker, address: 10.9.0.2}\n",
        "maker has the repository r1 already",
    ),
    "a repository called as a monitor": (
        GOOD + "repositories:\n  tel-mon: {organisation: maker, address: 10.9.0.1}\n",
        "'tel-mon' is already the name of a monitor",
    ),
    "address of a repository": (
        GOOD + "repositories:\n  r1: {organisation: maker, address: 10.0.0.1}\n",
        "is already that of tel-1",
    ),
    "a key with a tag and without": (f"{GOOD}threshold: 2\n!!str threshold: 1\n", "a key stands twice, with a tag and without"),
    "a name of our playbooks' groups": (GOOD.replace("maker", "nodeops-roll"), "'nodeops-roll' begins with nodeops-"),
    "one admin of two organisations": (
        GOOD.replace("maker: {}", f"maker: {{admins: ['{ADMIN} one']}}\n  third: {{admins: ['{ADMIN} other']}}"),
        "has an admin of maker: an admin decides for one organisation",
    ),
    "unknown platform": (
        with_change("platform: cometbft", "platform: bitcoin"),
        "consortium.yml:4: unknown ledger platform 'bitcoin'; allowed: cometbft, cosmos",
    ),
}


@pytest.mark.parametrize(("text", "said"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_an_error_with_its_line(tmp_path, text, said):
    assert said in problem(tmp_path, text)


def test_all_contradictions_are_named_at_once(tmp_path):
    said = problem(tmp_path, GOOD.replace("10.0.0.2", "10.0.0.1").replace("platform: cometbft", "platform: bitcoin"))
    assert "consortium.yml:14:" in said
    assert "consortium.yml:4:" in said


def powers(tmp_path, **held: int) -> list[tuple[str, Verdict, str]]:
    """Return the findings on a consortium whose nodes (a1, b1, ... of organisations a, b, ...) have these powers."""
    nodes = ""
    for number, (name, power) in enumerate(held.items(), start=1):
        duty = f"duty: validator, power: {power}" if power else "duty: witness"
        nodes += f"  {name}: {{organisation: org-{name[0]}, {duty}, address: 192.0.2.{number}}}\n"
    organisations = "".join(f"  org-{letter}: {{}}\n" for letter in sorted({name[0] for name in held}))
    head = "consortium: c\nrevision: 1\nledger: {platform: cometbft, version: v0.38.21, chain: c-1, application: 'unix:///run/app.sock'}\n"
    text = f"{head}organisations:\n{organisations}nodes:\n{nodes}"
    _, findings = checked_consortium(inventory(tmp_path, text))
    return [(finding.id, finding.verdict, finding.actual) for finding in findings]


ADVICE = {
    "seven of three, as in the lab": (
        {"a1": 1, "a2": 1, "a3": 1, "b1": 1, "b2": 1, "c1": 1, "c2": 1},
        ["7 validators", "org-a holds 3 of 7"],
    ),
    "four of four": ({"a1": 1, "b1": 1, "c1": 1, "d1": 1}, ["4 validators"]),
    "three": ({"a1": 1, "b1": 1, "c1": 1}, ["no node may be down", "org-a holds", "org-b holds", "org-c holds"]),
    "one": ({"a1": 1, "b1": 0}, ["one validator", "org-a holds 1 of 1 voting power and can commit blocks alone"]),
    "none": ({"a1": 0}, ["no validator"]),
    "one rules": ({"a1": 7, "b1": 1, "c1": 1, "d1": 1}, ["4 validators", "org-a holds 7 of 10 voting power and can commit"]),
    "exactly two thirds is not a quorum": (
        {"a1": 2, "b1": 1, "a2": 2, "b2": 1},
        ["4 validators", "org-a holds 4 of 6 voting power: the chain halts", "org-b holds 2 of 6 voting power: the chain halts"],
    ),
    "one third can halt": (
        {"a1": 1, "a2": 1, "b1": 1, "b2": 1, "c1": 2},
        ["5 validators", "org-a holds 2 of 6", "org-b holds 2 of 6", "org-c holds 2 of 6"],
    ),
}


@pytest.mark.parametrize(("held", "said"), ADVICE.values(), ids=ADVICE)
def test_weaknesses_are_findings_and_never_errors(tmp_path, held, said):
    findings = powers(tmp_path, **held)
    assert len(findings) == len(said)
    for (_, _, actual), text in zip(findings, said, strict=True):
        assert text in actual
    assert all(verdict is not Verdict.FAIL for _, verdict, _ in findings)


def test_the_sample_application_is_said_to_be_for_trials(tmp_path):
    _, findings = checked_consortium(inventory(tmp_path))
    (finding,) = (one for one in findings if one.id == "application")
    assert finding.verdict is Verdict.WARN
    assert "persistent_kvstore is CometBFT's sample, for trials only" in finding.actual
    assert "halt the chain by one transaction" in finding.actual
    own = with_change("chain: battery-1", 'chain: battery-1, application: "unix:///run/app.sock"')
    assert "application" not in [one.id for one in checked_consortium(inventory(tmp_path, own))[1]]


@pytest.mark.parametrize(("count", "verdict"), [(0, Verdict.WARN), (1, Verdict.WARN), (3, Verdict.WARN), (4, Verdict.PASS)])
def test_how_many_validators_are_enough(tmp_path, count, verdict):
    held = {f"{letter}1": 1 for letter in "abcd"[:count]} | {"e1": 0}
    assert powers(tmp_path, **held)[0][1] is verdict


def reach(tmp_path, *addresses: str, organisations: str = "ab", witnesses: int = 0) -> list[str]:
    """Return what is said of addresses; the last `witnesses` nodes do not vote, organisations take turns."""
    nodes = ""
    for number, address in enumerate(addresses):
        duty = "witness" if number >= len(addresses) - witnesses else "validator"
        organisation = organisations[number % len(organisations)]
        nodes += f'  n{number}: {{organisation: org-{organisation}, duty: {duty}, address: "{address}"}}\n'
    names = "".join(f"  org-{letter}: {{}}\n" for letter in organisations)
    head = "consortium: c\nrevision: 1\nledger: {platform: cometbft, version: v0.38.21, chain: c-1}\n"
    _, findings = checked_consortium(inventory(tmp_path, f"{head}organisations:\n{names}nodes:\n{nodes}"))
    return [one.actual for one in findings if one.id == "addresses"]


REACH = {
    "public": (["192.0.2.1", "2001:db8::1", "node.example"], {}, None),
    "private, one organisation": (["10.0.0.1", "192.168.1.2"], {"organisations": "a"}, None),
    "private, two organisations": (
        ["10.0.0.1", "10.0.0.2"],
        {},
        "private addresses in a consortium of several organisations: n0, n1",
    ),
    "one of them": (["192.0.2.1", "172.16.0.1"], {}, "several organisations: n1"),
    "unique local": (["fd00::1", "192.0.2.1"], {}, "several organisations: n0"),
    "carrier": (["100.64.0.1", "192.0.2.1"], {}, "several organisations: n0"),
    "many": ([f"10.0.0.{number}" for number in range(1, 9)], {}, "n4 and 3 more"),
    "validators behind sentries": (
        ["10.0.0.1", "10.0.0.2", "192.0.2.1", "192.0.2.2"],
        {"witnesses": 2},
        "all validators have private addresses (n0, n1) and only witnesses public ones",
    ),
}


@pytest.mark.parametrize(("addresses", "more", "said"), REACH.values(), ids=REACH)
def test_addresses_that_others_may_not_reach_are_a_warning(tmp_path, addresses, more, said):
    found = reach(tmp_path, *addresses, **more)
    assert (len(found), said is None or said in found[0]) == (int(said is not None), True)


ACCOUNTS = [f"{letter * 42}E=" for letter in "AB"]
GROUP = (
    GOOD.replace("cometbft, version: v0.38.21", "cosmos, version: v0.1.0")
    .replace("noc@telecom.example", f"noc@telecom.example, account: {ACCOUNTS[0]}")
    .replace("maker: {}", f"maker: {{account: {ACCOUNTS[1]}}}")
)
WITHOUT_A_VOICE = {
    "no account": (GROUP.replace(f"account: {ACCOUNTS[1]}", ""), "consortium.yml:7: maker needs an account"),
    "one account for two": (GROUP.replace(*reversed(ACCOUNTS)), "consortium.yml:7: is the account of telecom too"),
    "no key": (GROUP.replace(ACCOUNTS[0], "AAAA"), "consortium.yml:6: organisations.telecom.account: is not an ed25519"),
    "more than there are": (f"{GROUP}threshold: 3\n", "is 3; allowed: 1 to 2, the organisations"),
    "an application beside it": (
        GROUP.replace("battery-1}", "battery-1, application: 'tcp://127.0.0.1:26658'}"),
        "cosmos brings its own application",
    ),
    "an account for nothing": (GOOD.replace("maker: {}", f"maker: {{account: {ACCOUNTS[0]}}}"), "cometbft has no accounts"),
    "a key for records for two": (
        GROUP.replace(f"account: {ACCOUNTS[1]}", f"account: {ACCOUNTS[1]}, record_keys: {{till: {ACCOUNTS[0]}}}"),
        "consortium.yml:7: is the key of telecom too",
    ),
    "a key for records with a node's name": (
        GROUP.replace(f"account: {ACCOUNTS[1]}", f"account: {ACCOUNTS[1]}, record_keys: {{mak-3: {'C' * 42}E=}}"),
        "'mak-3' is the name of a node",
    ),
    "a former key that counts": (
        f"{GROUP}former: [{{organisation: maker, name: n9, record_key: {ACCOUNTS[1]}, until: 7}}]\n",
        "is the key of maker too, which counts today",
    ),
    "a key for records for nothing": (
        GOOD.replace("maker: {}", f"maker: {{record_keys: {{till: {ACCOUNTS[0]}}}}}"),
        "cometbft does not know who wrote a record",
    ),
    "a threshold for nothing": (f"{GOOD}threshold: 1\n", "cometbft cannot ask organisations, so their admins sign"),
}


STATES = {
    "states of a platform without": (
        GOOD.replace("battery-1}", "battery-1, state_blocks: 100}"),
        "consortium.yml:4: cometbft hands out no states",
    ),
    "answers for nothing": (
        GOOD.replace("duty: validator,", "duty: validator, answers_members: true,", 1),
        "cometbft hands out no states: leave it out",
    ),
    "proven by one alone": (
        GROUP.replace("duty: validator,", "duty: validator, answers_members: true,", 1),
        "a node begins with a state that nodes of 2 organisations prove, and only one's answer",
    ),
    "a state too often": (GROUP.replace("battery-1}", "battery-1, state_blocks: 9}"), "ledger.state_blocks"),
}


@pytest.mark.parametrize(("text", "said"), STATES.values(), ids=STATES)
def test_states_are_for_those_who_begin_later_on_a_platform_that_has_them(tmp_path, text, said):
    assert said in problem(tmp_path, text)


@pytest.mark.parametrize(("text", "said"), WITHOUT_A_VOICE.values(), ids=WITHOUT_A_VOICE)
def test_where_organisations_vote_each_has_an_account_and_elsewhere_none(tmp_path, text, said):
    assert said in problem(tmp_path, text)


def test_ledgerd_is_no_sample(tmp_path):
    _, findings = checked_consortium(inventory(tmp_path, f"{GROUP}threshold: 2\n"))
    assert [finding.id for finding in findings if "sample" in finding.actual] == []


def test_what_is_not_said_does_not_change_the_digest_of_a_file(tmp_path):
    consortium, _ = checked_consortium(inventory(tmp_path, GOOD))
    dumped = consortium.model_dump(mode="json")
    assert "threshold" not in dumped
    assert all("account" not in organisation for organisation in dumped["organisations"].values())
