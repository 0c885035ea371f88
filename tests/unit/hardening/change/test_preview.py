"""Which programs judge a change before it is made."""

from pathlib import Path

import pytest

from nodeops.core.errors import Refused
from nodeops.hardening.change import preview
from nodeops.hardening.change.desired import SSHD_FILE
from nodeops.hardening.change.plan import Step
from nodeops.hardening.change.preview import _judges
from nodeops.hardening.host.states import file_state

DROP_IN = "/etc/systemd/system/a.service.d/90-nodeops.conf"


@pytest.mark.parametrize(
    ("new", "units"),
    [
        ({DROP_IN: file_state("[Service]\n", 0o644)}, ["a.service"]),
        # The package may be gone already, and its unit with it.
        ({DROP_IN: None}, []),
        ({"/etc/issue": file_state("hello\n", 0o644)}, []),
    ],
)
def test_units_are_judged_whose_drop_in_is_written(new, units):
    asked = [command for command in _judges(new) if "systemd-analyze" in command[0]]
    assert [unit for command in asked for unit in command[3:]] == units


@pytest.mark.parametrize(
    ("read", "refused"),
    [
        (["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"], False),
        (["/etc/ssh/sshd_config", SSHD_FILE], False),
        (["/etc/ssh/sshd_config", "/etc/ssh/more.conf"], True),
    ],
)
def test_an_sshd_that_would_not_read_our_file_is_refused_in_one_line(monkeypatch, read, refused):
    monkeypatch.setattr(preview.sshd, "files_read", lambda: [Path(path) for path in read])
    key, ours = f"file {SSHD_FILE}", file_state("UsePAM yes\n", 0o600)
    preview._require_read([Step(key, ours, None)])
    if not refused:
        preview._require_read([Step(key, None, ours)])
        return
    with pytest.raises(Refused, match="has no Include") as caught:
        preview._require_read([Step(key, None, ours)])
    assert "\n" not in caught.value.what
