"""Collectors that hang, raise, come late or say what they may not: each hurts nobody but itself."""

import threading
import time

import pytest

from nodeops.exporter.cache import Runner
from nodeops.metrics.collector import Collector, Sample
from tests.unit.firewall.samples import document

SOON = 0.01
WAIT = 20.0


class Part:
    """A part of a host that can be told to hang or to fail. It fills what the collector `agent` may say of itself."""

    def __init__(self):
        self.raises = None
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.looked = 0
        self.name = "document_info"

    def look(self, _):
        self.looked += 1
        self.goes_on.wait(WAIT)
        if self.raises:
            raise self.raises
        yield Sample(self.name, 1, {"revision": "1", "digest": "d"})


@pytest.fixture
def part():
    made = Part()
    yield made
    made.goes_on.set()


def runner(part, interval=SOON, deadline=WAIT):
    begun = Runner(Collector("agent", part.look, interval, deadline), document())
    begun.start()
    return begun


def said(begun):
    return {(one.name): one.value for one in begun.samples()}


def until(true):
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(SOON)


def test_what_was_seen_is_said_with_the_time_of_success(part):
    begun = runner(part)
    until(lambda: said(begun)["collector_up"] == 1)
    found = said(begun)
    assert found["document_info"] == 1
    assert abs(found["collector_last_success_timestamp_seconds"] - time.time()) < WAIT
    assert found["collector_interval_seconds"] == SOON


def test_one_that_raises_says_only_that_it_failed_and_comes_back(part, capfd):
    begun = runner(part)
    until(lambda: said(begun)["collector_up"] == 1)
    part.raises = OSError("gone\n\x1b[31m")
    until(lambda: said(begun)["collector_up"] == 0)
    assert "document_info" not in said(begun)
    succeeded = said(begun)["collector_last_success_timestamp_seconds"]
    looked = part.looked
    until(lambda: part.looked > looked + 2)
    assert said(begun)["collector_last_success_timestamp_seconds"] == succeeded
    part.raises = None
    until(lambda: said(begun)["collector_up"] == 1)
    lines = capfd.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["collector agent fails", "collector agent works again"]
    assert "\x1b" not in lines[0]


def test_one_that_hangs_is_late_and_its_old_values_are_gone(part):
    begun = runner(part, deadline=0.2)
    until(lambda: said(begun)["collector_up"] == 1)
    part.goes_on.clear()
    until(lambda: said(begun)["collector_up"] == 0)
    assert "document_info" not in said(begun)
    assert begun.ended_a_round()
    part.goes_on.set()
    until(lambda: said(begun)["collector_up"] == 1)


def test_one_that_hangs_from_the_start_does_not_keep_the_exporter_from_being_ready(part):
    part.goes_on.clear()
    assert not runner(part).ended_a_round()
    begun = runner(part, deadline=0.2)
    until(begun.ended_a_round)
    assert said(begun)["collector_up"] == 0


def test_what_the_catalogue_does_not_know_is_a_failure(part):
    part.name = "document_mood"
    begun = runner(part)
    until(lambda: part.looked > 2)
    assert said(begun)["collector_up"] == 0


def test_one_that_is_asked_looks_at_each_scrape(part):
    begun = runner(part, interval=0)
    until(begun.ended_a_round)
    before = part.looked
    assert said(begun)["document_info"] == said(begun)["document_info"] == 1
    assert part.looked == before + 2


def test_one_that_is_asked_and_hangs_keeps_a_scrape_no_longer_than_its_deadline(part):
    begun = runner(part, interval=0, deadline=0.2)
    until(begun.ended_a_round)
    part.goes_on.clear()
    assert said(begun)["collector_up"] == 0
    assert said(begun)["collector_up"] == 0
    part.goes_on.set()
    until(lambda: said(begun)["collector_up"] == 1)
