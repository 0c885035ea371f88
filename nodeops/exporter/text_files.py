"""Custom metrics: every .prom file of one folder, each refused alone when it is not what it should be."""

import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from nodeops.core.printable import printable
from nodeops.document.models import HostDocument
from nodeops.metrics.catalogue import PREFIX
from nodeops.metrics.collector import Collector, Sample

_MOST_BYTES = 256 << 10
_MOST_FILES = 50


class RefusedFileError(ValueError):
    """A file that is left out, and why."""


@dataclass(frozen=True)
class TextFiles:
    """The families of all good files, what is said of each file, and why the bad ones were left out."""

    families: list[Metric]
    samples: list[Sample]
    refused: dict[str, str]


def read_all(folder: Path) -> TextFiles:
    """Return what stands in a folder; nothing when it does not exist. Names that two files have belong to the first."""
    found = TextFiles([], [], {})
    taken: set[str] = set()
    for path in _files(folder):
        label = {"file": printable(path.name, 100)}
        try:
            families = _read(path, taken)
        except (OSError, ValueError) as error:
            found.refused[path.name] = printable(str(error))
            found.samples.append(Sample("text_file_up", 0, label))
            continue
        taken |= {family.name for family in families}
        found.families.extend(families)
        found.samples.append(Sample("text_file_up", 1, label))
        found.samples.append(Sample("text_file_timestamp_seconds", path.stat().st_mtime, label))
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".prom" and not path.name.startswith("."))[:_MOST_FILES]
    except FileNotFoundError:
        return []


def _read(path: Path, taken: set[str]) -> list[Metric]:
    facts = path.lstat()
    # A pipe would hang whoever opens it, a link leads elsewhere.
    if not stat.S_ISREG(facts.st_mode):
        raise RefusedFileError("is not a plain file")
    if facts.st_size > _MOST_BYTES:
        raise RefusedFileError(f"has {facts.st_size} bytes, {_MOST_BYTES} are allowed")
    families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    for problem in _problems(families, taken):
        raise RefusedFileError(problem)
    return families


def _problems(families: list[Metric], taken: set[str]) -> Iterator[str]:
    names = [family.name for family in families]
    for family in families:
        if family.name.startswith(PREFIX):
            yield f"{family.name}: the prefix {PREFIX} is not for custom metrics"
        if family.name in taken or names.count(family.name) > 1:
            yield f"{family.name} stands twice, or in another file too"
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        if len(series) > len(set(series)):
            yield f"{family.name} has a series twice"
        if any(sample.timestamp is not None for sample in family.samples):
            yield f"{family.name} has a timestamp; the time of the file is exported"


class TextFileLook:
    """Reads the folder, and keeps the families of its last round for the exporter; says once why a file is refused."""

    def __init__(self) -> None:
        self.families: list[Metric] = []
        self._refused: dict[str, str] = {}

    def __call__(self, document: HostDocument) -> list[Sample]:
        """Return what is said of each file."""
        found = read_all(Path(document.paths["exporter_text_files"]))
        self.families = found.families
        for name, why in found.refused.items():
            if self._refused.get(name) != why:
                sys.stderr.write(f"{printable(name, 100)} is refused: {why}\n")
        self._refused = found.refused
        return found.samples


def collector(look: TextFileLook) -> Collector[HostDocument]:
    """Return the collector of custom metrics."""
    return Collector("text_files", look, interval_seconds=15, deadline_seconds=5)
