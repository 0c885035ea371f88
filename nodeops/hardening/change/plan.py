"""What applying a set of controls would change on a host, step by step. Pure: it sees the host through `Eyes` only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from nodeops.core.digest import sha256
from nodeops.core.result import Change
from nodeops.hardening.change.desired import Desired, desired, key_value_paths
from nodeops.hardening.change.sight import Eyes
from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import Control, catalogue
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.host.edits import rebased
from nodeops.hardening.host.states import KINDS, State, content_of, file_state, lost, same

_SHOWN_CHARACTERS = 4000


@dataclass(frozen=True)
class Kept:
    """What we did to a host and how to take it back.

    `applied` are ids of controls; `originals` the states before us, by resource key; `written` the SHA-256 of what we wrote
    into a vendor's file, to notice who else writes there; `installed` and `removed` packages; `profiles` of PAM.
    """

    applied: list[str] = field(default_factory=list)
    originals: dict[str, State] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    installed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    reloads: dict[str, list[list[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One resource that changes."""

    key: str
    before: State
    after: State


@dataclass(frozen=True)
class Plan:
    """Everything that an apply does, in order, and what is kept afterwards."""

    steps: Sequence[Step]
    kept: Kept
    reloads: Sequence[Sequence[str]] = ()
    install: Sequence[str] = ()
    remove: Sequence[str] = ()
    purge: Sequence[str] = ()
    profiles: Sequence[str] = ()
    profiles_off: Sequence[str] = ()
    stale: Sequence[Sequence[str]] = ()
    reinstall: Sequence[str] = ()
    notes: Sequence[str] = ()
    skipped: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        """Tell whether nothing is to be done."""
        packages = (self.install, self.remove, self.purge, self.reinstall)
        return not any((self.steps, *packages, self.profiles, self.profiles_off, self.stale))


def packages_wanted(controls: Iterable[Control], facts: Facts) -> tuple[list[str], list[str]]:
    """Return the packages that are to be installed, and those to be removed."""
    rows = [setting for control in controls for setting in control.sets if isinstance(setting, settings.Package)]
    install = packages_of(controls) - facts.packages
    remove = {row.name for row in rows if row.state == "absent"} & facts.packages
    return sorted(install), sorted(remove)


def plan(controls: Sequence[Control], facts: Facts, old: Kept, eyes: Eyes, notes: Sequence[str] = ()) -> Plan:
    """Return what changes when exactly these controls are applied, beginning with a host of which `old` is kept."""
    bases = _Bases(controls, old, eyes)
    asked = desired(controls, bases.text, eyes, facts.flags["container"])
    originals = _originals(asked, old, bases, eyes)
    target = {**{key: state for key, state in old.originals.items() if key not in asked.states}, **asked.states}
    target |= _folders(asked, originals, old, eyes)
    seen = {key: eyes.look(key) for key in target}
    steps = [Step(key, seen[key], target[key]) for key in _ordered(target) if not same(key, seen[key], target[key])]
    steps, skipped = _possible(steps, asked, eyes)
    off = [name for name in old.profiles if name not in asked.pam_profiles]
    install, remove = packages_wanted(controls, facts)
    stale = _stale(asked, eyes)
    return Plan(
        steps=steps,
        kept=_kept_after(controls, asked, originals, old),
        reloads=_sorted([*_reloads(steps, asked, old), *stale]),
        stale=stale,
        install=install,
        remove=remove,
        purge=_purged(controls, old),
        profiles=sorted(set(asked.pam_profiles) - set(eyes.enabled(asked.pam_profiles))) or _changed_profiles(steps, asked),
        profiles_off=eyes.enabled(off),
        notes=[*notes, *asked.notes],
        skipped=skipped,
    )


def undo_plan(left: Sequence[Control], undone: Sequence[Control], facts: Facts, old: Kept, eyes: Eyes) -> Plan:
    """Return what changes when some controls are undone: what they asked for, and nothing that only others ask for."""
    whole = plan(left, facts, old, eyes)
    bases = _Bases([*left, *undone], old, eyes)
    asked = desired(undone, bases.text, eyes, facts.flags["container"])
    keys = set(asked.states)
    folders = {f"folder {parent}" for key in keys for parent in PurePosixPath(key.partition(" ")[2]).parents}
    # A control that is not in the catalogue any more goes with the last one.
    steps = [step for step in whole.steps if not left or step.key in keys | folders]
    absent = {
        row.name for control in undone for row in control.sets if isinstance(row, settings.Package) and row.state == "absent"
    }
    return replace(
        whole,
        steps=steps,
        notes=(),
        install=(),
        remove=(),
        stale=(),
        profiles=(),
        reloads=_sorted(_reloads(steps, asked, old)),
        profiles_off=[name for name in whole.profiles_off if not left or name in asked.pam_profiles],
        reinstall=sorted(name for name in old.removed if not left or name in absent),
    )


def _possible(steps: Sequence[Step], asked: Desired, eyes: Eyes) -> tuple[list[Step], list[str]]:
    """Return the steps that can be made, and in words those that give back what it was to what somebody has taken away."""
    why = {step.key: _lost(step, eyes) for step in steps if step.key not in asked.states}
    notes = [f"{key} is left out: {reason}" for key, reason in why.items() if reason]
    return [step for step in steps if not why.get(step.key)], notes


def _lost(step: Step, eyes: Eyes) -> str:
    folder = PurePosixPath(step.key.partition(" ")[2]).parent
    return lost(step.key, step.before, step.after, eyes.is_folder(str(folder)))


class _Bases:
    """The text of each vendor's file without our edits, also when somebody else has written there since."""

    def __init__(self, controls: Sequence[Control], old: Kept, eyes: Eyes) -> None:
        self._old, self._keys, self._eyes = old, key_value_paths(controls), eyes

    def text(self, path: str) -> str:
        return content_of(self.state(path)) or ""

    def state(self, path: str) -> State:
        key = f"file {path}"
        present = self._eyes.look(key)
        if key not in self._old.originals:
            return present
        original = self._old.originals[key]
        text, before = content_of(present), content_of(original)
        if text is None or before is None or sha256(text.encode("utf-8", "surrogateescape")) == self._old.written.get(path):
            return original
        keys = self._keys.get(path, [])
        return {**original, "b64": file_state(rebased(text, before, keys), 0)["b64"]} if keys else original


def _originals(asked: Desired, old: Kept, bases: _Bases, eyes: Eyes) -> dict[str, State]:
    found: dict[str, State] = {}
    for key in asked.states:
        if key.startswith("file "):
            found[key] = bases.state(key.partition(" ")[2])
        else:
            found[key] = old.originals[key] if key in old.originals else eyes.look(key)
    return found


def _folders(asked: Desired, originals: dict[str, State], old: Kept, eyes: Eyes) -> dict[str, State]:
    """Return the folders that must be there for the wanted files, and note those that were not there before us."""
    found: dict[str, State] = {}
    for key, state in asked.states.items():
        kind, _, path = key.partition(" ")
        if kind != "file" or state is None:
            continue
        for folder in reversed(PurePosixPath(path).parents):
            name = f"folder {folder}"
            if not eyes.is_folder(str(folder)) or name in old.originals:
                originals.setdefault(name, None)
                found[name] = True
    return found


def _ordered(target: dict[str, State]) -> list[str]:
    """Return keys in the order of a change: folders first, and those that go last of all, the deepest first."""
    making = sorted((key for key in target if not _goes(key, target)), key=lambda key: (KINDS.index(key.split(" ")[0]), key))
    return [*making, *sorted((key for key in target if _goes(key, target)), reverse=True)]


def _goes(key: str, target: dict[str, State]) -> bool:
    return key.startswith("folder ") and target[key] is None


def _kept_after(controls: Sequence[Control], asked: Desired, originals: dict[str, State], old: Kept) -> Kept:
    texts = {key.partition(" ")[2]: content_of(state) for key, state in asked.states.items() if key.startswith("file ")}
    return replace(
        old,
        applied=sorted(control.id for control in controls),
        originals=originals,
        written={path: sha256((text or "").encode("utf-8", "surrogateescape")) for path, text in texts.items()},
        profiles=list(asked.pam_profiles),
        reloads={path: [list(command) for command in commands] for path, commands in asked.reloads.items()},
    )


def _reloads(steps: Sequence[Step], asked: Desired, old: Kept) -> list[list[str]]:
    """Return the commands that put what changed in force."""
    found: list[list[str]] = []
    for step in steps:
        path = step.key.partition(" ")[2]
        commands = [*(list(command) for command in asked.reloads.get(path, [])), *old.reloads.get(path, [])]
        found += [command for command in commands if command not in found]
    return found


def _stale(asked: Desired, eyes: Eyes) -> list[list[str]]:
    """Return the commands whose process runs with older files than are there: a reload was lost, or somebody wrote by hand."""
    found: list[list[str]] = []
    for path, commands in asked.reloads.items():
        for command in (list(one) for one in commands if len(one) == 3):
            if command not in found and not eyes.is_current(command[2], path):
                found.append(command)
    return found


def _sorted(commands: Sequence[list[str]]) -> list[list[str]]:
    unique = [command for number, command in enumerate(commands) if command not in commands[:number]]
    return sorted(unique, key=lambda command: command != ["systemctl", "daemon-reload"])


def _purged(controls: Sequence[Control], old: Kept) -> list[str]:
    """Return the packages that we installed for controls that are not asked for any more."""
    before = [control for name, control in catalogue().items() if name in old.applied]
    return sorted((packages_of(before) - packages_of(controls)) & set(old.installed))


def packages_of(controls: Iterable[Control]) -> set[str]:
    """Return the packages that controls want to be there."""
    rows = (setting for control in controls for setting in control.sets if isinstance(setting, settings.Package))
    return {row.name for row in rows if row.state == "present"}


def _changed_profiles(steps: Sequence[Step], asked: Desired) -> list[str]:
    changed = {PurePosixPath(step.key.partition(" ")[2]).name for step in steps if "/pam-configs/" in step.key}
    return sorted(changed & set(asked.pam_profiles))


def changes(found: Plan) -> list[Change]:
    """Return a plan as changes, in words."""
    rows = [_changed(step) for step in found.steps]
    rows += [Change(f"package {name}", "a control asks for it", "absent", "installed") for name in found.install]
    rows += [Change(f"package {name}", "a control asks for it", "installed", "removed") for name in found.remove]
    rows += [Change(f"package {name}", "no control asks for it any more", "installed", "purged") for name in found.purge]
    rows += [Change(f"package {name}", "it was there before us", "absent", "installed") for name in found.reinstall]
    rows += [Change(f"PAM profile {name}", "a control asks for it", "off", "on") for name in found.profiles]
    rows += [Change(" ".join(command), "the process is older than its files", "old", "current") for command in found.stale]
    return rows + [Change(f"PAM profile {name}", "no control asks for it any more", "on", "off") for name in found.profiles_off]


def _changed(step: Step) -> Change:
    if "/ssh_host_" in step.key:
        before, after = ("absent" if state is None else "a key" for state in (step.before, step.after))
        return Change(step.key, "a control asks for it", before, after)
    return Change(step.key, "a control asks for it", _words(step.before), _words(step.after))


def _words(state: State) -> str:
    if state is None:
        return "absent"
    if isinstance(state, dict) and "b64" in state:
        return (content_of(state) or "").encode("utf-8", "replace").decode()[:_SHOWN_CHARACTERS]
    if isinstance(state, dict) and "mode" in state:
        return f"{state['mode']:04o} {state.get('user', '*')}:{state.get('group', '*')}"
    if isinstance(state, dict):
        return f"{state['enabled']}, {'active' if state['active'] else 'inactive'}"
    return str(state)
