"""Custom metrics: every .prom file of one folder, each refused alone when it is not what it should be."""

import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from nodeops.core.printable import printable
from nodeops.document.models import HostDocument
from nodeops.metrics.catalogue import PREFIX
from nodeops.metrics.collector import Collector, Sample

_MOST_FILES = 50
# Of all files together. A monitor takes some thousand samples of a host and no label that is longer, or it takes nothing of it.
_MOST_BYTES, _MOST_SAMPLES = 256 << 10, 1000
_MOST_LABELS, _MOST_NAME_BYTES, _MOST_VALUE_BYTES = 20, 100, 200
# A file is known by its name alone: two that are cut, or whose letters are replaced, could be one.
_ALLOWED = f"{_MOST_FILES} files are allowed, with names of at most {_MOST_NAME_BYTES} printable characters"
# No colon: such a name is a recording rule's. Other characters would be written as "_", and be another name than was judged.
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
# What monitors say themselves: alerts, and how they fared with a host.
_OF_MONITORS = re.compile(r"ALERTS.*|up|scrape_.*")


class RefusedFileError(ValueError):
    """A file that is left out, and why."""


@dataclass(frozen=True)
class TextFiles:
    """The families of all good files, what is said of each file, and why the bad ones were left out."""

    families: list[Metric]
    samples: list[Sample]
    refused: dict[str, str]


@dataclass
class _Room:
    """What is left for the files that come."""

    bytes: int = _MOST_BYTES
    samples: int = _MOST_SAMPLES


def read_all(folder: Path) -> TextFiles:
    """Return what stands in a folder; nothing when it does not exist. Metrics that two files have belong to the first."""
    files, left_out = _files(folder)
    found = TextFiles([], [Sample("text_files_left_out", len(left_out))], {})
    if left_out:
        found.refused[left_out[0].name] = f"is one of {len(left_out)} that are not read; {_ALLOWED}"
    taken: set[str] = set()
    room = _Room()
    for path in files:
        label = {"file": path.name}
        try:
            families, written = _read(path, taken, room)
        except (OSError, ValueError) as error:
            found.refused[path.name] = printable(str(error))
            found.samples.append(Sample("text_file_up", 0, label))
            continue
        taken |= {family.name for family in families}
        found.families.extend(families)
        found.samples.append(Sample("text_file_up", 1, label))
        found.samples.append(Sample("text_file_timestamp_seconds", written, label))
    return found


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files that are read, and those of which nothing but their number is told: monitors take no label of each."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".prom" and not path.name.startswith("."))
    except FileNotFoundError:
        return [], []
    files = [path for path in found if printable(path.name, _MOST_NAME_BYTES) == path.name][:_MOST_FILES]
    return files, sorted(set(found) - set(files))


def _read(path: Path, taken: set[str], room: _Room) -> tuple[list[Metric], float]:
    """Return the families of a file and when it was written, and take its room. Raise RefusedFileError, OSError or ValueError."""
    facts = path.lstat()
    # A pipe would hang whoever opens it, a link leads elsewhere.
    if not stat.S_ISREG(facts.st_mode):
        raise RefusedFileError("is not a plain file")
    if facts.st_size > room.bytes:
        raise RefusedFileError(
            f"has {facts.st_size} bytes; {_MOST_BYTES} are allowed in all files, {room.bytes} of them are left"
        )
    text = path.read_text(encoding="utf-8")
    # A line is at most one sample: counted before memory is taken for them.
    samples = sum(1 for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#"))
    if samples > room.samples:
        raise RefusedFileError(
            f"has {samples} samples; {_MOST_SAMPLES} are allowed in all files, {room.samples} of them are left"
        )
    families = _parsed(text)
    for problem in _problems(families, taken):
        raise RefusedFileError(problem)
    room.bytes, room.samples = room.bytes - facts.st_size, room.samples - samples
    return families, facts.st_mtime


def _parsed(text: str) -> list[Metric]:
    try:
        return list(text_string_to_metric_families(text))
    except Exception as error:
        # The parser fails in many ways; one file must not take the others with it.
        raise RefusedFileError(f"is not the text format: {error or type(error).__name__}") from error


def _problems(families: list[Metric], taken: set[str]) -> Iterator[str]:
    count = Counter(family.name for family in families)
    for family in families:
        if family.name in taken or count[family.name] > 1:
            yield f"{family.name} stands twice, or in another file too"
        for name in (family.name, *{sample.name for sample in family.samples}):
            yield from _problems_of_name(name)
        yield from _problems_of_samples(family)


def _problems_of_name(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name) or len(name) > _MOST_NAME_BYTES:
        yield f"{name}: a name has letters, digits and _ alone, and at most {_MOST_NAME_BYTES} of them"
    if name.startswith(PREFIX):
        yield f"{name}: the prefix {PREFIX} is not for custom metrics"
    if _OF_MONITORS.fullmatch(name):
        yield f"{name}: up, scrape_ and ALERTS are what monitors say themselves"


def _problems_of_samples(family: Metric) -> Iterator[str]:
    series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
    if len(series) > len(set(series)):
        yield f"{family.name} has a series twice"
    if any(sample.timestamp is not None for sample in family.samples):
        yield f"{family.name} has a timestamp; the time of the file is exported"
    for sample in family.samples:
        if len(sample.labels) > _MOST_LABELS:
            yield f"{sample.name} has {len(sample.labels)} labels, {_MOST_LABELS} are allowed"
        for label, value in sample.labels.items():
            if not _NAME.fullmatch(label) or label.startswith("__") or len(label) > _MOST_NAME_BYTES:
                yield f"{sample.name}: {label} is no name of a label"
            if len(value.encode()) > _MOST_VALUE_BYTES:
                yield f"{sample.name}: {label} has a value of over {_MOST_VALUE_BYTES} bytes"


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
