"""Apply a set of controls on trial, keep it, or take it back: the same way for an apply and for an undo.

1. Packages are installed. 2. The plan is made and the merged whole is judged. 3. A timer that undoes everything is armed and
the journal is written. 4. Everything is written, each service reloaded once. 5. `confirm` lets it hold. Whatever stops this
in between, `settle` gives the old state or the new one, never a mixture.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nodeops.core.errors import NodeopsError, Refused
from nodeops.document.models import HostDocument
from nodeops.hardening.change import journal
from nodeops.hardening.change.journal import NAME, Journal
from nodeops.hardening.change.losers import require_nobody_lost
from nodeops.hardening.change.plan import Kept, Plan, packages_of
from nodeops.hardening.change.preview import require_valid
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.host import packages, pam
from nodeops.hardening.host.facts import installed_packages, observe_facts
from nodeops.hardening.host.reload import reload_all
from nodeops.hardening.host.resources import look, lost_now, mask_at_once, put
from nodeops.host import trial
from nodeops.host.trial import Trial

Tell = Callable[[str], None]
Planned = Callable[[Facts, Kept], Plan]


@contextlib.contextmanager
def at_work(document: HostDocument, wait_seconds: float) -> Iterator[Path]:
    """Hold the host's hardening for one writer, with whatever was interrupted settled. Raise Refused while another works."""
    folder = journal.folder_of(document)
    with trial.turn(NAME, folder, wait_seconds):
        settle(folder)
        yield folder


def settle(folder: Path) -> bool:
    """End what was interrupted: a confirmed change to its end, another back to its beginning. Tell whether there was any."""
    done = journal.committed(folder)
    if done is not None:
        _finish(folder, done)
        return True
    begun = journal.journal(folder)
    if begun is None or trial.pending(folder) is not None:
        return False
    take_back(folder, begun)
    return True


def change(document: HostDocument, folder: Path, planned: Planned, tell: Tell) -> tuple[Plan, Trial | None]:
    """Make the host be as planned, on trial; None when there was nothing to do. It is planned again when packages came or went.

    Called in the block of `at_work`. Raise Refused when the merged whole is not valid, HostError when the host refuses: then
    everything is as it was before.
    """
    old, facts = journal.kept(folder), observe_facts()
    first = planned(facts, old)
    if first.empty:
        return first, None
    require_valid(first.steps)
    require_nobody_lost(document, first.steps)
    opened = Journal(before=[], old=old, new=old, reloads=[])
    try:
        found = first
        if first.install or first.remove:
            opened, facts = _packages(folder, first, opened, tell), observe_facts()
            found = planned(facts, opened.new)
            require_valid(found.steps)
        return first, _files(document, folder, found, opened, tell)
    except BaseException:
        _give_up(folder)
        raise


def _packages(folder: Path, found: Plan, opened: Journal, tell: Tell) -> Journal:
    """Install and remove what the plan says; the journal knows which packages were there before."""
    tell(f"packages: {', '.join([*found.install, *found.remove])}")
    before = installed_packages()
    opened = replace(opened, packages=sorted(before))
    journal.open_journal(folder, opened)
    if found.remove:
        packages.require_alone(found.remove)
        packages.remove(found.remove)
    if found.install:
        packages.install(found.install)
    after = installed_packages()
    installed = sorted({*opened.old.installed, *(after - before)})
    removed = sorted({*opened.old.removed, *(before - after)})
    return replace(opened, new=replace(opened.old, installed=installed, removed=removed))


def _files(document: HostDocument, folder: Path, found: Plan, opened: Journal, tell: Tell) -> Trial:
    touched = [(step.key, step.before) for step in found.steps]
    if found.profiles or found.profiles_off:
        touched += [(key, look(key)) for key in (f"file {path}" for path in pam.FILES)]
    reloads = [list(command) for command in found.reloads]
    purge, back = list(found.purge), list(found.reinstall)
    written = replace(opened, before=touched, new=found.kept, reloads=reloads, purge=purge, reinstall=back)
    undo = [document.paths["command"], NAME, "rollback"]
    begun = trial.begin(NAME, folder, undo, document.limits.hardening.confirm_seconds)
    journal.open_journal(folder, written)
    tell(f"{len(found.steps)} resources")
    act(found)
    return trial.made(folder, begun)


def act(found: Plan) -> None:
    """Carry a plan out. Raise HostError at the first step that the host refuses."""
    pam.disable(found.profiles_off)
    mask_at_once((step.key, step.after) for step in found.steps)
    for step in found.steps:
        put(step.key, step.after)
    pam.enable(found.profiles)
    reload_all(found.reloads)


def _give_up(folder: Path) -> None:
    """Take back what was begun. When that fails too (a full disk), the timer is still armed and tries again."""
    begun = journal.journal(folder)
    if begun is not None:
        with contextlib.suppress(NodeopsError):
            take_back(folder, begun)
    else:
        _disarm(folder)


def take_back(folder: Path, begun: Journal) -> None:
    """Put back everything as the journal has it. Raise HostError when something cannot be: the journal stays then."""
    errors: list[NodeopsError] = []
    mask_at_once(begun.before)
    for key, state in reversed(begun.before):
        try:
            if not lost_now(key, state):
                put(key, state)
        except NodeopsError as error:
            errors.append(error)
    reload_all(begun.reloads, strict=False)
    if errors:
        raise errors[0]
    if begun.packages is not None:
        _packages_back(begun.packages)
    journal.keep(folder, begun.old)
    _disarm(folder)
    journal.close_journal(folder)


def _packages_back(before: Sequence[str]) -> None:
    now = installed_packages()
    packages.purge(now - set(before))
    if lost := set(before) - now:
        packages.install(lost)


def _disarm(folder: Path) -> None:
    running = trial.pending(folder)
    if running is not None:
        trial.disarm(running)
    trial.forget(folder)


def confirm(folder: Path, token: str, console: bool) -> None:
    """Let the change on trial hold. Raise Refused without a new SSH session, or when the trial is over."""
    begun = trial.require(folder, token, NAME)
    if not console:
        trial.require_new_session(begun)
    found = journal.journal(folder)
    if found is None:
        raise Refused("nothing is on trial", where=NAME, hint="apply again")
    trial.commit(folder, begun)
    journal.commit_journal(folder)
    _finish(folder, found)


def _finish(folder: Path, done: Journal) -> None:
    new = done.new
    if done.purge:
        needed = packages_of(control for name, control in catalogue().items() if name in new.applied)
        gone = packages.with_what_came_along(done.purge, new.installed, needed)
        packages.purge(gone)
        new = replace(new, installed=[name for name in new.installed if name not in gone])
    if done.reinstall:
        packages.install(done.reinstall)
        new = replace(new, removed=[name for name in new.removed if name not in done.reinstall])
    journal.keep(folder, new)
    journal.close_journal(folder)


def roll_back(folder: Path) -> bool:
    """Take back the change that is not confirmed; tell whether there was one."""
    begun = journal.journal(folder)
    if begun is None:
        _disarm(folder)
        return False
    take_back(folder, begun)
    return True


def recover(folder: Path) -> bool:
    """Settle what was interrupted, also while its timer is armed; tell whether there was anything."""
    return settle(folder) or roll_back(folder)


def kept(document: HostDocument) -> Kept:
    """Return what is kept of this host."""
    return journal.kept(journal.folder_of(document))
