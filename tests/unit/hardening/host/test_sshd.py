"""The SSH server that runs, as far as its command line decides."""

from pathlib import Path

import pytest

from nodeops.hardening.host import sshd
from nodeops.host.units.unit_settings import UnitSettings


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("SSHD_OPTS=\n", []),
        ("#SSHD_OPTS=-oPermitRootLogin=yes\n", []),
        ("# Options\nSSHD_OPTS='-o PermitRootLogin=yes -p 2222'\n", ["-o", "PermitRootLogin=yes"]),
        ('SSHD_OPTS="-f /etc/ssh/other"\n', ["-f", "/etc/ssh/other"]),
    ],
)
def test_what_the_next_start_says_counts_today(monkeypatch, tmp_path: Path, line: str, options: list[str]) -> None:
    (tmp_path / "ssh").write_text(line)
    monkeypatch.setattr(sshd, "_DEFAULTS", tmp_path / "ssh")
    monkeypatch.setattr(sshd, "unit_settings", lambda _: UnitSettings((), None))
    assert sshd.started_with() == options
    monkeypatch.setattr(sshd, "_DEFAULTS", tmp_path / "none")
    assert sshd.started_with() == []
