"""Waivers, from waivers.yml to the report: an active one is not applied, an expired one fails, an unknown one is refused."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import remote
import yaml
from test_trial import FORWARDING
from tier import FULL

FILE = remote.SCENARIO / "waivers.yml"
NODE = remote.NODES[0]
OWNER = "Zhang Wei"
TODAY = datetime.now(UTC).date()


def waive(days: int, control: str = FORWARDING) -> subprocess.CompletedProcess[str]:
    """Write a waiver that holds for so many days, and harden one node with it."""
    expires = TODAY + timedelta(days=days)
    one = {"control": control, "scope": NODE, "owner": OWNER, "reason": "a tunnel of the migration needs it", "expires": expires}
    FILE.write_text(yaml.safe_dump({"waivers": [one]}), encoding="utf-8")
    return remote.play("harden.yml", "--limit", NODE)


@pytest.fixture(scope="module", autouse=True)
def no_waivers_left() -> Iterator[None]:
    yield
    FILE.unlink(missing_ok=True)
    done = remote.play("harden.yml", "--limit", NODE)
    assert done.returncode == 0, done.stdout[-4000:]
    assert verdict()["verdict"] == "pass"


def verdict() -> dict[str, str]:
    (found,) = remote.verb(NODE, "hardening", "audit", FORWARDING, codes=(0, 1))["findings"]
    return dict(found)


def test_an_active_waiver_is_not_applied_and_says_whose_it_is() -> None:
    done = waive(30)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "x11forwarding yes" in remote.must(NODE, "sshd -T").lower()
    assert verdict()["verdict"] == "waived"
    for form in ("table", "markdown", "json"):
        said = remote.run(NODE, f"COLUMNS=300 nodeops hardening audit --format {form}").out
        assert OWNER in said, form
        assert str(TODAY + timedelta(days=30)) in said, form


def test_an_expired_waiver_fails_and_says_whose_it_was() -> None:
    """After the test before: it was not applied while it was active."""
    assert waive(-1).returncode != 0, "the report of an expired waiver is a failure"
    found = verdict()
    assert found["verdict"] == "fail"
    assert OWNER in found["actual"] + found["hint"]
    assert str(TODAY - timedelta(days=1)) in found["actual"] + found["hint"]
    assert "x11forwarding yes" in remote.must(NODE, "sshd -T").lower(), "it is for a person to say what holds now"


# What else may be wrong in one: tests/unit/document/test_waivers.py.
WRONG = [("ssh.no-such-control", 30), (FORWARDING, 4000)]


@pytest.mark.parametrize(("control", "days"), WRONG if FULL else WRONG[:1])
def test_a_waiver_that_is_wrong_is_refused_before_anything_is_changed(control: str, days: int) -> None:
    document = remote.must(NODE, "sha256sum /etc/nodeops/node.json")
    done = waive(days, control)
    assert done.returncode != 0
    assert control in done.stdout + done.stderr
    assert "waivers.yml" in done.stdout + done.stderr
    assert "changed=0" in done.stdout or "PLAY RECAP" not in done.stdout
    assert remote.must(NODE, "sha256sum /etc/nodeops/node.json") == document
