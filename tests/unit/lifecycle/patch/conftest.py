"""A host on which a patch run is rehearsed."""

from types import SimpleNamespace

import pytest

from nodeops.lifecycle.patch import apply as acting
from nodeops.lifecycle.patch import memory
from tests.unit.lifecycle.patch.rehearsed import PART, Host, kept_at
from tests.unit.quorum.test_leave import DOCUMENT


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host(kept_at(tmp_path, DOCUMENT))
    active = SimpleNamespace(active=True, state="active")
    monkeypatch.setattr(acting, "observe", made.look)
    monkeypatch.setattr(acting, "lists_time", lambda: made.lists)
    monkeypatch.setattr(memory, "lists_time", lambda: made.lists)
    monkeypatch.setattr(acting, "upgrade", SimpleNamespace(upgrade=made.act("upgrade", "upgrade")))
    monkeypatch.setattr(acting.packages, "finish", made.act("finish"))
    monkeypatch.setattr(acting, "installed_versions", lambda _: {"ssl": "2"})
    monkeypatch.setattr(acting, "systemd", SimpleNamespace(systemctl=made.act("systemctl"), unit=lambda _: active))
    monkeypatch.setattr(acting, "restart", lambda gate, *_: (gate.wait(lambda _: None), made.act("restart the ledger")()))
    monkeypatch.setattr(acting, "part_taken", lambda _: PART)
    monkeypatch.setattr(acting, "rejoin", made.act("rejoin", "rejoin"))
    monkeypatch.setattr(acting, "lasting", lambda: ["prometheus.service"])
    monkeypatch.setattr(acting, "see_running", lambda names, *_: made.act(f"see {' '.join(names)}", "runs")())
    monkeypatch.setattr(acting, "await_listening", made.act("listening"))
    monkeypatch.setattr(acting, "run", lambda *_, **__: made.done.append("reboot"))
    monkeypatch.setattr(acting, "boot", lambda: made.booted)
    monkeypatch.setattr(acting, "_PAUSE_SECONDS", 0.01)
    return made
