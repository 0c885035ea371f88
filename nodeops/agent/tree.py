"""The trees of this host: which one is current, whether its files are what its name says, and one step back."""

import importlib.util
import marshal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nodeops.agent import install
from nodeops.agent.modes import writable
from nodeops.core.errors import HostError, Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.host.lock import held

_PYC_HEADER_BYTES = 16
_REPAIR = "remove the link `current` and run ansible-playbook site.yml: the tree is unpacked anew"


@dataclass(frozen=True)
class Tree:
    """One tree on this host, with what it says about itself; `problem` when it says nothing."""

    name: str
    nodeops: str
    python: str
    problem: str = ""


@dataclass(frozen=True)
class State:
    """What is under the agent's folder: the names both links say (empty without), and all trees, newest first."""

    root: Path
    current: str
    previous: str
    trees: tuple[Tree, ...]


def observe(root: Path) -> State:
    """Return the trees of this host. Raise HostError when no agent was ever installed here."""
    if not root.is_dir():
        raise HostError("no agent tree on this host", where=str(root), hint="run ansible-playbook site.yml from the controller")
    current, previous = (install.link_target(root / link) for link in (install.CURRENT, install.PREVIOUS))
    return State(root, current, previous, tuple(_tree(path) for path in install.trees(root)))


def _tree(path: Path) -> Tree:
    try:
        found = install.description(path)
    except install.InstallError as error:
        return Tree(path.name, "", "", str(error))
    return Tree(path.name, str(found.get("nodeops", "")), str(found.get("python", "")))


def rollback_target(state: State) -> str:
    """Return the tree a rollback switches to. Raise Refused when there is none to go back to."""
    if not state.previous or state.previous == state.current:
        raise Refused("there is no previous tree to go back to", where=str(state.root), hint="nodeops agent show lists the trees")
    if state.previous not in {tree.name for tree in state.trees}:
        raise Refused(
            f"the previous tree {state.previous} is gone", where=str(state.root), hint="nodeops agent show lists the trees"
        )
    return state.previous


def plan_rollback(root: Path) -> tuple[str, str]:
    """Return the current tree and the one a rollback switches to.

    Raise Refused when there is no previous tree or its files are not what its name says.
    """
    state = observe(root)
    target = rollback_target(state)
    problem = _digest_problem(root / target)
    if problem:
        raise Refused(f"the previous tree was changed: {problem}", where=str(root / target), hint="nodeops agent verify")
    return state.current, target


def rollback(root: Path) -> tuple[str, str]:
    """Make the previous tree current and the current one previous. Return both names, old and new. Raise as the plan does."""
    observe(root)
    with held(root):
        before, after = plan_rollback(root)
        try:
            install.switch(root, after)
        except OSError as error:
            raise HostError(f"cannot be switched: {error.strerror}", where=str(root), hint="run as root") from error
    return before, after


def verify(root: Path, command: Path) -> list[Finding]:
    """Return findings for the current and the previous tree, and for the command that people and units call."""
    state = observe(root)
    findings = [_command_finding(root, command), _current_finding(state)]
    for tree in state.trees:
        if tree.name in (state.current, state.previous):
            found = root / tree.name
            findings += [_files_finding(found), _bytecode_finding(found), _modes_finding(found)]
    return findings


def _command_finding(root: Path, command: Path) -> Finding:
    expected = str(root / install.CURRENT / "bin" / "nodeops")
    found = install.link_target(command)
    verdict = Verdict.PASS if found == expected else Verdict.FAIL
    return Finding("agent.command", verdict, f"{command} -> {expected}", found or "not a link", "run ansible-playbook site.yml")


def _current_finding(state: State) -> Finding:
    known = state.current in {tree.name for tree in state.trees}
    verdict = Verdict.PASS if known else Verdict.FAIL
    return Finding("agent.current", verdict, "a tree of this host", state.current or "no link", _REPAIR)


def _files_finding(tree: Path) -> Finding:
    problem = _digest_problem(tree)
    verdict = Verdict.FAIL if problem else Verdict.PASS
    return Finding(
        f"agent.files.{tree.name}", verdict, "files with the digest in the tree's name", problem or "as delivered", _REPAIR
    )


def _modes_finding(tree: Path) -> Finding:
    expected = "root alone may write to the tree and the folders above it"
    problems = list(writable(tree))
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    verdict = Verdict.FAIL if problems else Verdict.PASS
    hint = f"chown root and chmod go-w what is named; whoever could write may have written: {_REPAIR}"
    return Finding(f"agent.modes.{tree.name}", verdict, expected, f"{problems[0]}{more}" if problems else "it is so", hint)


def _digest_problem(tree: Path) -> str:
    try:
        found = install.tree_digest(tree)
    except install.InstallError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return "" if found.startswith(tree.name) else f"files with the digest {found}"


def _bytecode_finding(tree: Path) -> Finding:
    problems = list(bytecode_problems(tree))
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    found = f"{problems[0]}{more}" if problems else "as compiled"
    verdict = Verdict.FAIL if problems else Verdict.PASS
    return Finding(f"agent.bytecode.{tree.name}", verdict, "compiled files that hold what their sources say", found, _REPAIR)


def bytecode_problems(tree: Path) -> Iterator[str]:
    """Yield what is wrong with compiled files: Python runs them without a look at the sources that the digest covers."""
    for compiled in sorted(tree.rglob("__pycache__/*")):
        source = compiled.parent.parent / f"{compiled.name.split('.')[0]}.py"
        name = compiled.relative_to(tree)
        if not source.is_file() or importlib.util.cache_from_source(str(source)) != str(compiled):
            yield f"{name}: no source of this tree compiles to it"
        elif not _same_code(compiled, source):
            yield f"{name}: is not what {source.name} compiles to"


def _same_code(compiled: Path, source: Path) -> bool:
    try:
        data = compiled.read_bytes()
        # Python loads these bytes in the same way whenever the module is imported.
        code = marshal.loads(data[_PYC_HEADER_BYTES:])  # noqa: S302
        expected = compile(source.read_bytes(), str(source), "exec", dont_inherit=True)
    except (OSError, EOFError, ValueError, TypeError, SyntaxError):
        return False
    return data.startswith(importlib.util.MAGIC_NUMBER) and bool(code == expected)
