"""What the rules that are loaded make of a new connection: the real kernel is asked, in a network of the test's own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from nodeops.core.finding import Verdict
from nodeops.firewall.explain import explain
from nodeops.firewall.knock import knock
from nodeops.firewall.live import NFT
from nodeops.firewall.others import judged_others
from nodeops.firewall.ruleset import nft_text
from nodeops.firewall.trace_rules import Outcome, outcome
from tests.tiers import slow
from tests.unit.firewall.samples import document, rules
from tests.unit.firewall.test_change import alone, pytestmark  # noqa: F401 - the marks: root, and nft

MEMBER, STRANGER, OPERATOR = "10.0.0.2", "203.0.113.200", "192.0.2.44"
# As ufw writes them: through iptables, with a match that nft cannot spell.
UFW = """*filter
:INPUT DROP [0:0]
:ufw-user-input - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -j ufw-user-input
-A ufw-user-input -p tcp -m tcp --dport 22 -m hashlimit --hashlimit-upto 50/sec --hashlimit-name ufw -j ACCEPT
COMMIT
"""


def have_a_network(script: str) -> None:
    """Be a host with one interface, and load a script."""
    for words in ("link set lo up", "link add eth0 type veth peer name far", "link set eth0 up", "link set far up"):
        subprocess.run(["ip", *words.split()], check=True)
    for words in ("address add 10.0.0.1/24 dev eth0", "-6 address add 2001:db8:9::1/64 dev eth0 nodad"):
        subprocess.run(["ip", *words.split()], check=True)
    for family in ("-4", "-6"):
        subprocess.run(["ip", family, "route", "add", "default", "dev", "eth0"], check=True)
    load(script)


def load(script: str) -> None:
    subprocess.run([NFT, "-f", "-"], input=script.encode(), check=True)


def reaches(address: str, port: int) -> bool | None:
    return knock(address, port, "tcp").outcome.allowed


def test_our_rules_are_judged_as_the_kernel_does():
    def work() -> None:
        have_a_network(nft_text(rules(document())))
        for address, port, allowed in [
            (MEMBER, 26656, True),
            (MEMBER, 22, False),
            (OPERATOR, 22, True),
            (STRANGER, 22, False),
            ("2001:db8::1", 26656, True),
            ("2001:db8:ffff::1", 26656, False),
            ("10.0.0.1", 9999, True),
        ]:
            assert reaches(address, port) is allowed, (address, port)

    alone(work)


@pytest.mark.parametrize("priority", ["-10", *(pytest.param(priority, marks=slow) for priority in ("0", "10"))])
def test_a_chain_of_others_that_drops_counts_wherever_it_stands(priority):
    def work() -> None:
        have_a_network(nft_text(rules(document())))
        chain = f"type filter hook input priority {priority}; policy accept; iifname eth0 tcp dport @shut drop;"
        load(f"table inet others {{ set shut {{ type inet_service; elements = {{ 26656 }}; }}; chain guard {{ {chain} }}; }}")
        seen = knock(MEMBER, 26656, "tcp")
        assert (seen.outcome.allowed, seen.unread) == (False, ())
        said = explain(document(), rules(document()), seen.outcome, MEMBER, 26656, "tcp")
        assert (said.allowed, said.asked) == (False, True)
        assert "table inet others, chain guard" in said.rule
        assert said.but
        assert reaches(OPERATOR, 22) is True
        judged = judged_others(rules(document()))
        assert (judged.verdict, "p2p from 10.0.0.2: table inet others, chain guard" in judged.actual) == (Verdict.FAIL, True)
        load("delete table inet others")
        assert judged_others(rules(document())).verdict is Verdict.PASS

    alone(work)


@pytest.mark.skipif(not shutil.which("iptables-nft-restore"), reason="iptables is not installed: apt-get install iptables")
def test_what_ufw_and_iptables_drop_counts():
    def work() -> None:
        have_a_network(nft_text(rules(document())))
        subprocess.run(["iptables-nft-restore"], input=UFW.encode(), check=True)
        assert reaches(OPERATOR, 22) is True
        seen = knock(MEMBER, 26656, "tcp")
        assert (seen.outcome.stopped_by, seen.unread) == ("table ip filter, chain INPUT: policy drop", ())

    alone(work)


def test_what_is_loaded_counts_and_not_what_the_document_says_today():
    def work() -> None:
        have_a_network(nft_text(rules(document())))
        moved = rules(document()).rules
        later = rules(document(operators=[f"{STRANGER}/32"]))
        assert moved != later.rules
        said = explain(document(), later, knock(STRANGER, 22, "tcp").outcome, STRANGER, 22, "tcp")
        assert (said.allowed, said.asked) == (False, True)
        assert "loaded say otherwise" in said.but[0]
        unresolved = explain(document(), None, knock(OPERATOR, 22, "tcp").outcome, OPERATOR, 22, "tcp")
        assert (unresolved.allowed, unresolved.asked, unresolved.rule) == (True, None, "ssh")
        subprocess.run([NFT, "flush", "ruleset"], check=True)
        open_now = explain(document(), rules(document()), knock(STRANGER, 22, "tcp").outcome, STRANGER, 22, "tcp")
        assert (open_now.allowed, open_now.asked, open_now.rule) == (True, False, "no rule")

    alone(work)


def test_a_published_port_is_judged_after_its_translation():
    def work() -> None:
        published = {"published": [{"port": 8080, "sources": ["203.0.113.0/28"], "why": "an application"}]}
        have_a_network(nft_text(rules(document(**published))))
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
        load("table ip nat { chain pre { type nat hook prerouting priority dstnat; tcp dport 8080 dnat to 10.9.9.2:80; }; }")
        assert reaches("203.0.113.5", 8080) is True
        assert reaches(STRANGER, 8080) is False

    alone(work)


def test_asking_changes_nothing_of_the_host():
    def work() -> None:
        have_a_network(nft_text(rules(document())))
        before = subprocess.run([NFT, "list", "ruleset"], capture_output=True, check=True).stdout
        knock(STRANGER, 22, "tcp")
        assert subprocess.run([NFT, "list", "ruleset"], capture_output=True, check=True).stdout == before

    alone(work)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], Outcome(None)),
        (["no trace at all"], Outcome(None)),
        (
            [
                'trace id a inet nodeops input rule ip saddr 10.0.0.2 accept comment "p2p" (verdict accept)',
                "trace id a ip filter INPUT policy drop",
            ],
            Outcome(False, "table ip filter, chain INPUT: policy drop", "p2p"),
        ),
        (
            [
                "trace id a ip filter INPUT rule jump u (verdict jump u)",
                "trace id a ip filter u rule reject (verdict drop)",
            ],
            Outcome(False, "table ip filter, chain u: reject"),
        ),
        (["trace id a inet nodeops_last input rule counter (verdict continue)"], Outcome(True)),
    ],
)
def test_a_trace_is_read(lines, found):
    assert outcome(lines) == found
