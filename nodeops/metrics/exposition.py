"""Samples as the text that Prometheus reads, and such a text judged by the catalogue. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from nodeops.core.finding import Finding, Verdict
from nodeops.metrics import catalogue
from nodeops.metrics.collector import Sample

# What prometheus-client appends to a family's name by itself.
_APPENDED = {"gauge": "", "counter": "_total", "info": "_info"}


class StrangeSampleError(ValueError):
    """A sample that the catalogue does not know: a fault of the collector that made it."""


def checked(samples: Iterable[Sample], collector: str) -> list[Sample]:
    """Return the samples of one collector. Raise StrangeSampleError for what the catalogue does not say of it."""
    found = list(samples)
    seen = set()
    for sample in found:
        known = catalogue.catalogue().get(sample.name)
        if known is None or known.collector != collector or set(sample.labels) != set(known.labels):
            raise StrangeSampleError(f"{collector}: {sample.name}{dict(sample.labels)} is not in the catalogue")
        key = (sample.name, *(sample.labels[name] for name in known.labels))
        if key in seen:
            raise StrangeSampleError(f"{collector}: {sample.name}{dict(sample.labels)} stands twice")
        seen.add(key)
    return found


def families(samples: Iterable[Sample]) -> Iterator[Metric]:
    """Yield the families of checked samples, in the catalogue's order."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    for name, known in catalogue.catalogue().items():
        if name in by_name:
            yield _family(known, by_name[name])


def _family(known: catalogue.Metric, samples: Sequence[Sample]) -> Metric:
    name = known.full_name.removesuffix(_APPENDED[known.type])
    if known.type == "info":
        return _info(InfoMetricFamily(name, known.help), samples)
    family = (CounterMetricFamily if known.type == "counter" else GaugeMetricFamily)(name, known.help, labels=known.labels)
    for sample in samples:
        family.add_metric([sample.labels[label] for label in known.labels], sample.value)
    return family


def _info(family: InfoMetricFamily, samples: Sequence[Sample]) -> Metric:
    for sample in samples:
        family.add_metric([], dict(sample.labels))
    return family


def judged(text: str) -> list[Finding]:
    """Judge an exposition: each metric of ours is in the catalogue with its type and labels, and everything exported at all
    times is there.
    """
    try:
        found = {family.name: family for family in text_string_to_metric_families(text)}
    except ValueError as error:
        return [Finding("metrics.format", Verdict.FAIL, "the text format of Prometheus", str(error), "read it from /metrics")]
    ours = {name: family for name, family in found.items() if name.startswith(catalogue.PREFIX)}
    return [*_foreign(ours), *_missing(ours)]


def _foreign(found: Mapping[str, Metric]) -> Iterator[Finding]:
    known = {one.full_name.removesuffix("_total" if one.type == "counter" else ""): one for one in catalogue.catalogue().values()}
    for name, family in found.items():
        row = known.get(name)
        problem = "is not in the catalogue" if row is None else _difference(row, family)
        if problem:
            yield Finding(f"metrics.{name}", Verdict.FAIL, "as the catalogue says", problem, "ship the agent again: site.yml")


def _difference(row: catalogue.Metric, family: Metric) -> str:
    # The text format has no type for info: it is a gauge whose value is 1.
    wanted = "gauge" if row.type == "info" else row.type
    if family.type != wanted:
        return f"is a {family.type}, not a {wanted}"
    labels = {label for sample in family.samples for label in sample.labels}
    return "" if not family.samples or labels == set(row.labels) else f"has the labels {sorted(labels)}, not {sorted(row.labels)}"


def _missing(found: Mapping[str, Metric]) -> Iterator[Finding]:
    """Yield a finding on each collector of a host: it succeeded. What it exports depends on the host, so names are not asked for.

    A host without a ledger is known by a collector that runs nowhere else.
    """
    family = found.get(f"{catalogue.PREFIX}collector_up")
    up = {sample.labels["collector"]: sample.value for sample in family.samples} if family else {}
    for name in catalogue.collectors(ledger=not catalogue.OF_PLAIN_HOSTS & set(up)):
        actual = {None: "does not run", 0.0: "failed"}.get(up.get(name), "succeeded")
        verdict = Verdict.PASS if actual == "succeeded" else Verdict.FAIL
        yield Finding(f"collector.{name}", verdict, "succeeded", actual, "journalctl --unit nodeops-exporter --lines 20")
