"""What cannot be given back because somebody has taken away what it belongs to."""

import pytest

from nodeops.hardening.host.states import file_state, lost

HERE, GONE = {"enabled": "enabled", "active": True}, {"enabled": "not-found", "active": False}


@pytest.mark.parametrize(
    ("key", "present", "before", "folder", "said"),
    [
        ("unit a.service", GONE, HERE, True, "package"),
        ("unit a.service", GONE, GONE, True, ""),
        ("unit a.service", GONE, {"enabled": "masked", "active": False}, True, ""),
        ("unit a.service", {"enabled": "masked", "active": False}, HERE, True, ""),
        ("file /etc/a/b", None, file_state("x", 0o644), False, "folder"),
        ("file /etc/a/b", None, file_state("x", 0o644), True, ""),
        ("file /etc/a/b", None, None, False, ""),
        ("password_age a", None, 90, True, "account"),
        ("password_age a", 365, 90, True, ""),
        ("sysctl net.ipv4.ip_forward", None, "1", True, ""),
    ],
)
def test_what_is_lost_is_said(key, present, before, folder, said):
    assert said in lost(key, present, before, folder) if said else not lost(key, present, before, folder)
