"""Decide what goes into an agent tree: which files of nodeops and of its libraries a host needs, and how it starts."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from nodeops.core.errors import InputError

# Python of a supported Debian release -> its glibc 2.x: wheels made for a newer one do not load there.
PYTHONS: Mapping[str, int] = {"3.11": 36, "3.13": 41}
MACHINES: Mapping[str, str] = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
# The oldest glibc that wheels are made for: manylinux2014 is glibc 2.17 (PEP 599).
_OLDEST_GLIBC = 17

# Modules that only a controller runs, below nodeops/.
_CONTROLLER_ONLY = ("fleet/*", "lab/*", "agent/build*.py", "ledger/artifact*.py")
_PACKAGE_SUFFIXES = frozenset({".py", ".toml", ".json"})

# In no library is any of these needed to run: tests, scripts of pip, type stubs, C headers, bytecode of another machine.
_IDLE_FOLDERS = frozenset({"__pycache__", "tests", "test"})
_IDLE_SUFFIXES = frozenset({".pyi", ".pyc", ".c", ".h", ".pxd", ".pyx"})
# rich asks for a lexer only to colour source code, which nodeops never prints; 240 others make 4 MB.
_LEXERS = frozenset({"__init__.py", "_mapping.py", "python.py", "special.py"})
# A copy of a library carries its name, version and licence; the rest is for package managers.
_METADATA_HEADERS = ("Metadata-Version", "Name", "Version", "License", "License-Expression", "License-File")

LAUNCHER = '''#!/usr/bin/python3 -IBS
"""Run the agent of this tree with the host's own Python: no site packages, no environment, nothing written."""
import gc
import os
import sys
from types import ModuleType

if sys.version_info[:2] != ({version}):
    sys.stderr.write("nodeops: this tree is for Python {python}: run ansible-playbook site.yml from the controller\\n")
    sys.exit(3)
tree = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(tree, "lib"))

# A verb starts many times a minute, so nothing is looked for in vain: garbage while modules are read (nodeops.cli begins again),
# plugins of pydantic in the metadata of every library (a tree has none), the exporter's web server for tenacity.
gc.disable()


class Metadata(ModuleType):
    """No library has an entry point; whoever asks for anything else is given the real module."""

    entry_points = staticmethod(lambda **_: ())

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        del sys.modules[self.__name__]
        import importlib.metadata
        return getattr(importlib.metadata, name)


sys.modules["importlib.metadata"] = Metadata("importlib.metadata")
if sys.argv[1:2] != ["exporter"]:
    sys.modules["tornado"] = None

from nodeops.cli import main

main()
'''


def checked_target(python: str, arch: str) -> tuple[str, str]:
    """Return a Python version and a machine name that trees are built for. Raise InputError for others."""
    if python not in PYTHONS:
        allowed = ", ".join(PYTHONS)
        raise InputError(
            f"no agent for Python {python}", where="--python", allowed=allowed, hint="use a supported Debian release"
        )
    if arch not in MACHINES:
        raise InputError(f"unknown architecture '{arch}'", where="--arch", allowed=", ".join(MACHINES))
    return python, MACHINES[arch]


def wheel_platforms(python: str, machine: str) -> list[str]:
    """Return the platforms whose wheels run on the release with this Python, the closest first (PEP 600)."""
    newest = [f"manylinux_2_{minor}_{machine}" for minor in range(PYTHONS[python], _OLDEST_GLIBC - 1, -1)]
    return [*newest, f"manylinux2014_{machine}"]


def is_source(path: PurePosixPath) -> bool:
    """Tell whether a file below nodeops/ is part of it: code or data, not what an editor or Python left there."""
    if any(part.startswith(".") or part == "__pycache__" for part in path.parts):
        return False
    return path.suffix in _PACKAGE_SUFFIXES or path.name == "py.typed"


def belongs_to_agent(path: PurePosixPath) -> bool:
    """Tell whether a source goes to hosts: not what only a controller runs."""
    # In fnmatch a star spans slashes.
    return not any(fnmatchcase(str(path), pattern) for pattern in _CONTROLLER_ONLY)


def needed_of_library(path: PurePosixPath) -> bool:
    """Tell whether a file that pip installed is needed on a host."""
    top, parents = path.parts[0], path.parts[:-1]
    if top == "bin" or _IDLE_FOLDERS.intersection(parents) or path.suffix in _IDLE_SUFFIXES:
        return False
    if top.endswith(".dist-info"):
        return path.name == "METADATA" or "licenses" in parents or path.name.startswith("LICENSE")
    return parents != ("pygments", "lexers") or path.name in _LEXERS


def short_metadata(text: str) -> str:
    """Return the headers of a METADATA file that say what a library is and under which licence."""
    head = text.split("\n\n", 1)[0].split("\n")
    return "".join(f"{line}\n" for line in head if line.split(":", 1)[0] in _METADATA_HEADERS)


def launcher(python: str) -> str:
    """Return bin/nodeops of a tree."""
    return LAUNCHER.format(python=python, version=python.replace(".", ", "))


def description(nodeops: str, python: str, machine: str) -> str:
    """Return what a tree says about itself, for the installer and for people."""
    return json.dumps({"machine": machine, "nodeops": nodeops, "python": python}, indent=2, sort_keys=True) + "\n"
