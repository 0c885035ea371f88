"""A change of SSH that nobody confirms undoes itself; a hand-edited drop-in that wins over ours is found."""

import time

import pytest
import remote
from conftest import assert_nothing, failing, verdicts

from nodeops.document.inventory import chosen
from nodeops.hardening.controls.catalogue import catalogue

pytestmark = pytest.mark.usefixtures("hardened")
CONFIRM_SECONDS = int(chosen(remote.SCENARIO).choices["hardening"]["confirm_seconds"])
# Enough for the audit that ends an apply, and to see that the change is in force, on a machine that does other things too.
FEW_SECONDS, HASTY = 40, "/run/hasty.json"
FORWARDING = next(
    one.id for one in catalogue().values() for setting in one.sets if getattr(setting, "key", "") == "X11Forwarding"
)
BY_HAND = "/etc/ssh/sshd_config.d/00-0-by-hand.conf"


def ssh_server(node: str) -> str:
    return remote.must(node, "sshd -T | sort; cat /etc/ssh/sshd_config.d/*")


def test_a_controller_that_dies_before_it_confirms() -> None:
    assert_nothing(remote.at_once(unconfirmed, remote.NODES))


def unconfirmed(node: str) -> list[str]:
    """Return what is wrong when nobody confirms a change, on a host whose document gives an operator few seconds."""
    remote.apply(node, "undo", FORWARDING)
    before = ssh_server(node)
    remote.must(node, f"sed -E 's/(\"confirm_seconds\": ?){CONFIRM_SECONDS}/\\1{FEW_SECONDS}/g' /etc/nodeops/node.json >{HASTY}")
    trial = remote.apply(node, "apply", "--document", HASTY, confirm=False)["trial"]
    wrong = [] if trial["seconds"] <= FEW_SECONDS else [f"another time to confirm: {trial}"]
    wrong += [] if ssh_server(node) != before else ["apply changed nothing"]
    until = time.monotonic() + 6 * FEW_SECONDS
    while ssh_server(node) != before and time.monotonic() < until:
        time.sleep(0.5)
    wrong += [] if ssh_server(node) == before else ["was not undone"]
    # The files come back before sshd reads them; it lets nobody in while it does, and is waited for before the undo is over.
    remote.must(node, "while systemctl is-active --quiet nodeops-hardening-undo.service; do sleep 0.2; done")
    wrong += [] if remote.run(node, "true", new=True).code == 0 else ["no new login"]
    late = remote.run(node, f"nodeops hardening confirm {trial['token']}", new=True)
    return wrong + ([] if late.code == 4 else [f"confirmed too late: {late}"])


def test_the_login_that_applied_cannot_confirm() -> None:
    node = remote.NODES[0]
    remote.apply(node, "undo", FORWARDING)
    token = remote.apply(node, confirm=False)["trial"]["token"]
    assert remote.run(node, f"nodeops hardening confirm {token}").code == 4
    assert remote.run(node, f"nodeops hardening confirm {'0' * len(token)}", new=True).code == 4
    assert remote.run(node, f"nodeops hardening confirm {token}", new=True).code == 0
    assert verdicts(node, FORWARDING) == {FORWARDING: "pass"}


def test_a_trial_is_undone_by_hand() -> None:
    node = remote.NODES[1]
    remote.apply(node, "undo", FORWARDING)
    remote.apply(node, confirm=False)
    remote.verb(node, "hardening", "rollback")
    assert remote.run(node, "nodeops hardening rollback").code in (0, 4), "a second rollback has nothing to do"
    assert verdicts(node, FORWARDING) == {FORWARDING: "fail"}
    remote.apply(node)


def test_a_drop_in_by_hand_that_wins_is_found() -> None:
    assert_nothing(remote.at_once(overridden, remote.NODES))


def overridden(node: str) -> list[str]:
    """Return what is wrong about a drop-in that is not ours to remove: applying says that it did not help."""
    remote.must(node, f"echo 'X11Forwarding yes' >{BY_HAND} && systemctl reload ssh")
    try:
        found = failing(node, FORWARDING)
        wrong = [] if len(found) == 1 and "yes" in found[0] else [f"it is not found: {found}"]
        code = remote.run(node, "nodeops hardening apply --json").code
        wrong += [] if code in (1, 4) else [f"applying ends with {code}"]
        wrong += [] if remote.must(node, f"cat {BY_HAND}") == "X11Forwarding yes\n" else ["it was changed"]
    finally:
        remote.must(node, f"rm {BY_HAND} && systemctl reload ssh")
        remote.run(node, "nodeops hardening rollback")
    return [*wrong, *failing(node, FORWARDING)]


def test_a_drop_in_that_sshd_refuses_stops_apply_before_anything_is_changed() -> None:
    node = remote.NODES[0]
    remote.apply(node, "undo", FORWARDING)
    try:
        remote.must(node, f"echo 'Nonsense yes' >{BY_HAND}")
        assert remote.run(node, "nodeops hardening apply --json").code in (2, 3, 4)
        assert "x11forwarding no" not in remote.must(node, f"rm {BY_HAND} && sshd -T").lower()
    finally:
        remote.must(node, f"rm -f {BY_HAND}")
