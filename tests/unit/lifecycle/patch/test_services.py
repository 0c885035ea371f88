"""What a host runs for good is seen to run again: it failed, came back, stays up, or was disabled by somebody."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from nodeops.core.errors import HostError, NodeopsError, Timeout
from nodeops.host.units.systemd import Unit
from nodeops.lifecycle.patch import services

NAME = "prometheus.service"
RUNS = Unit(NAME, True, True, "active (running, result success)", True, False, 70, 0)
STARTS = replace(RUNS, active=False, state="activating (auto-restart, result exit-code)", pid=0, restarts=3)
FAILED = replace(RUNS, active=False, state="failed (failed, result exit-code)", pid=0)
DISABLED = replace(FAILED, enabled=False)
ANOTHER = replace(RUNS, pid=71)


class Systemd:
    """Tells of one unit, look after look; the clock goes on while somebody sleeps."""

    def __init__(self, looks: list[Unit]) -> None:
        self.looks, self.now = list(looks), 0.0

    def unit(self, _: str) -> Unit:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


# What systemd says, look after look; what is wrong, or nothing; how many seconds that takes of ten.
CASES = {
    "it runs": ([RUNS, RUNS], "", 2),
    "it comes back": ([STARTS, STARTS, RUNS, RUNS], "", 6),
    "another process each time, then one stays": ([RUNS, ANOTHER, ANOTHER], "", 4),
    "it failed": ([FAILED], "does not any more: failed", 2),
    "it started and failed": ([RUNS, FAILED], "does not any more: failed", 2),
    "it starts again and again": ([STARTS], "does not any more: activating", 10),
    "its process is another at each look": ([replace(RUNS, pid=number) for number in range(70, 90)], "does not any more", 10),
    "somebody disabled it": ([DISABLED], "", 0),
    "somebody disabled it while it was waited for": ([STARTS, DISABLED], "", 2),
}


@pytest.mark.parametrize(("looks", "wrong", "seconds"), CASES.values(), ids=CASES)
def test_what_ran_before_is_seen_to_run_again(monkeypatch, looks, wrong, seconds):
    made, told = Systemd(looks), list[str]()
    monkeypatch.setattr(services, "systemd", made)
    monkeypatch.setattr(services, "time", made)
    if wrong:
        with pytest.raises(NodeopsError, match=wrong) as caught:
            services.see_running([NAME], 10, told.append)
        assert (caught.value.where, type(caught.value)) == (NAME, Timeout if seconds == 10 else HostError)
    else:
        services.see_running([NAME], 10, told.append)
    assert made.now == seconds
    assert set(told) <= {f"waiting for {NAME}"}


def test_where_nothing_ran_nothing_is_waited_for(monkeypatch):
    monkeypatch.setattr(services, "time", SimpleNamespace(monotonic=lambda: 0.0))
    services.see_running([], 10, lambda _: None)


def test_what_comes_at_boot_and_is_no_login_is_kept_in_mind(monkeypatch):
    listed = b"getty@tty1.service loaded active running x\nprometheus.service loaded active running y\npolkit.service loaded z\n"
    monkeypatch.setattr(services, "run", lambda *_, **__: SimpleNamespace(stdout=listed))
    monkeypatch.setattr(services.systemd, "unit", lambda name: replace(RUNS, name=name, enabled=name != "polkit.service"))
    assert services.lasting() == [NAME]
