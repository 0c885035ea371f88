"""Go over at the height that was voted on: the chain stands there by agreement, so no gate is asked, and nobody is waited for."""

from collections.abc import Callable
from dataclasses import dataclass

from nodeops.core.errors import Refused
from nodeops.document.profile import load_profile
from nodeops.lifecycle.upgrade.observe import standing
from nodeops.lifecycle.upgrade.policy import going
from nodeops.quorum.leave import Asked
from nodeops.quorum.policy import Passage


@dataclass(frozen=True)
class AtHeight(Asked):
    """Leave to restart a node that stands at the height of the plan for its version, and no other."""

    def wait(self, report: Callable[[str], None]) -> Passage:
        """Return at once that the node may be restarted. Raise Refused when it is too early, or was never voted on."""
        document = self.node
        report("asking the chain for its plan")
        found = going(load_profile(document.ledger.platform), standing(document), document.ledger.version)
        if found.way != "height":
            what = "too early" if found.way == "wait" else "no plan for it has been reached"
            raise Refused(f"{what}: {found.why}", where=f"the ledger of {document.node.name}", hint=found.hint)
        return Passage("open", found.why, found.height)
