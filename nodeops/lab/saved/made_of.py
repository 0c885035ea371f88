"""What makes the hosts of a lab what they are, as digests: the inventory, the project that converges it, the lab image."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import nodeops
from nodeops.core.digest import digest, sha256
from nodeops.document.load import CONSORTIUM_FILE
from nodeops.lab.saved.state import IMAGE, INVENTORY, TREE, MadeOf
from nodeops.lab.spec import Lab

PROJECT = Path(nodeops.__file__).parents[1]
_FOLDERS = ("nodeops", "playbooks", "plugins", "requirements", "roles")
_FILES = ("site.yml", "ansible.cfg")
# What no host gets: the lab itself, whose image has a part of its own, and bytecode.
_LEFT_OUT = ("nodeops/lab/", "nodeops/fleet/")
_CHOICES = ("group_vars", "host_vars")


def made_of(lab: Lab, tags: Mapping[str, str], settings: str, project: Path = PROJECT) -> MadeOf:
    """Return what would make this lab now. The name of the lab does not count: its hosts do not know it."""
    members = sha256((lab.folder / CONSORTIUM_FILE).read_bytes())
    hosts = [asdict(host) for host in lab.hosts]
    parts = {
        INVENTORY: digest({"consortium": members, "subnet": lab.subnet, "hosts": hosts}),
        TREE: _content(project, _converging(project)),
        IMAGE: digest({"tags": [tags[release] for release in lab.releases], "settings": settings}),
    }
    return MadeOf(parts, _content(lab.folder, _below(lab.folder, _CHOICES)))


def _converging(project: Path) -> Iterator[Path]:
    yield from (project / name for name in _FILES if (project / name).is_file())
    for path in _below(project, _FOLDERS):
        if not path.relative_to(project).as_posix().startswith(_LEFT_OUT) and "__pycache__" not in path.parts:
            yield path


def _below(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    return (path for name in names for path in (folder / name).rglob("*") if path.is_file())


def _content(folder: Path, paths: Iterable[Path]) -> str:
    return digest({path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in paths})
