"""A host that looks as a test says, and notes what a patch run does to it, in order."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from nodeops.core.errors import HostError, Refused
from nodeops.document.models import HostDocument, NodeDocument
from nodeops.document.patch_windows import Patching
from nodeops.host.packages import PackagesError
from nodeops.ledger.node.rejoin import Part
from nodeops.lifecycle.patch import apply as acting
from nodeops.lifecycle.patch import memory
from nodeops.lifecycle.patch.answers import Offer
from nodeops.lifecycle.patch.policy import Asked, Seen, Update
from tests.unit.quorum.test_leave import DOCUMENT

PENDING = Seen(updates=[Update("ssl", "1", "2", True)], preview=[Offer("ssl", "1", "2", "x-security")])
STALE = Seen(stale={"cron.service": ["/usr/x"], DOCUMENT.ledger.unit: ["/usr/x"]})
FAILS = PackagesError("ssl could not be installed: made to fail", "mend it")
REFUSED = Refused("may not be stopped: 3 of 4 is live")
PART, SEEN = Part(7, votes=True), "see prometheus.service"
BROKEN = HostError("ran before, and does not any more: failed", where="prometheus.service")


class Host:
    """A host that looks as the test says, look after look; what is done is noted in order."""

    def __init__(self, document) -> None:
        self.document, self.done = document, list[str]()
        self.looks: list[Seen] = [Seen()]
        self.upgrade: Exception | None = None
        self.gate: Exception | None = None
        self.rejoin: Exception | None = None
        self.runs: Exception | None = None
        self.booted, self.lists, self.asked = "boot-1", acting.time.time(), Asked()

    def look(self, _: object) -> Seen:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def act(self, what: str, error: str = "") -> Callable[..., None]:
        def act(*given: object, **_: object) -> None:
            self.done.append(" ".join([what, *(str(one) for one in given if isinstance(one, str | dict))]))
            if error and (raised := getattr(self, error)):
                raise raised

        return act

    def run(self) -> tuple[list[str], bool]:
        asked = SimpleNamespace(node=self.document, spare=self.act("spare", "gate"), wait=self.act("wait", "gate"))
        gate = asked if isinstance(self.document, NodeDocument) else None
        changes, due = acting.apply(acting.Run(self.document, self.asked, gate, 5, lambda _: None), 0)
        return [change.what for change in changes], due

    @property
    def notes(self) -> list[str]:
        return [note.kind for note in memory.history(self.document)[0]]


def kept_at(folder: Path, document: HostDocument) -> HostDocument:
    """Return a document whose state of patches is in a folder of the test."""
    paths = {**document.paths, "patch_state": str(folder / "state/patch"), "patch_status": str(folder / "run/status.json")}
    (folder / "state").mkdir(exist_ok=True)
    return document.model_copy(update={"paths": paths})


def closed_until(day: str, document: HostDocument) -> HostDocument:
    """Return a document whose organisation patches on one day of the week only."""
    name, organisations = document.own.organisation, dict(document.organisations)
    organisations[name] = organisations[name].model_copy(update={"patching": Patching(windows=[f"{day} 01:00-02:00"])})
    return document.model_copy(update={"organisations": organisations})
