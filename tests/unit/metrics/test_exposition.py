"""Samples become the text of Prometheus, and only what the catalogue knows; a text is judged by the same catalogue."""

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from nodeops.core.finding import Verdict
from nodeops.metrics.catalogue import collectors
from nodeops.metrics.collector import Sample
from nodeops.metrics.exposition import StrangeSampleError, checked, families, judged

SAMPLES = [
    Sample("ledger_up", 1),
    Sample("consensus_signed_total", 7),
    Sample("disk_stage", 2, {"mountpoint": '/a "b"\\c\nd'}),
    Sample("build_info", 1, {"version": "1", "tree": "t"}),
]


class Families:
    def collect(self):
        yield from families(SAMPLES)


def text(samples=SAMPLES):
    registry = CollectorRegistry()
    registry.register(Families())
    return generate_latest(registry).decode()


def all_collectors(value="1.0", *, ledger=True):
    names = collectors(ledger=ledger)
    return "# TYPE nodeops_collector_up gauge\n" + "".join(f'nodeops_collector_up{{collector="{n}"}} {value}\n' for n in names)


def test_samples_become_text():
    written = text()
    assert "# TYPE nodeops_ledger_up gauge\nnodeops_ledger_up 1.0" in written
    assert "# TYPE nodeops_consensus_signed_total counter\nnodeops_consensus_signed_total 7.0" in written
    assert 'nodeops_disk_stage{mountpoint="/a \\"b\\"\\\\c\\nd"} 2.0' in written
    assert 'nodeops_build_info{tree="t",version="1"} 1.0' in written


STRANGE = {
    "unknown name": [Sample("ledger_mood", 1)],
    "of another collector": [Sample("disk_alarms", 1)],
    "a label too many": [Sample("ledger_up", 1, {"node": "a"})],
    "a label missing": [Sample("quorum_total_power", 1), Sample("ledger_up", 1), Sample("ledger_up", 0)],
}


@pytest.mark.parametrize("samples", STRANGE.values(), ids=STRANGE)
def test_what_the_catalogue_does_not_say_is_a_fault(samples):
    with pytest.raises(StrangeSampleError):
        checked(samples, "ledger")


def test_a_whole_scrape_passes():
    assert {one.verdict for one in judged(all_collectors() + text())} == {Verdict.PASS}


WRONG = {
    "not the format": ("nodeops_ledger_up one\n", "metrics.format"),
    "unknown name": ("# TYPE nodeops_mood gauge\nnodeops_mood 1\n", "metrics.nodeops_mood"),
    "other type": ("# TYPE nodeops_ledger_up_total counter\nnodeops_ledger_up_total 1\n", "metrics.nodeops_ledger_up"),
    "other labels": ('# TYPE nodeops_ledger_up gauge\nnodeops_ledger_up{a="b"} 1\n', "metrics.nodeops_ledger_up"),
}


@pytest.mark.parametrize(("scrape", "finding"), WRONG.values(), ids=WRONG)
def test_a_scrape_that_differs_is_found(scrape, finding):
    failing = {one.id for one in judged(all_collectors() + scrape) if one.verdict is Verdict.FAIL}
    assert failing == {finding}


def test_collectors_that_fail_or_are_missing_are_found():
    assert {one.verdict for one in judged(all_collectors("0.0"))} == {Verdict.FAIL}
    assert {one.actual for one in judged("")} == {"does not run"}
    plain = all_collectors(ledger=False)
    assert {one.verdict for one in judged(plain)} == {Verdict.PASS}
    lacks = plain.replace('collector="log_host"', 'collector="other"')
    assert {one.id for one in judged(lacks) if one.verdict is Verdict.FAIL} == {"collector.log_host"}
