"""How the firewall of a host is doing, for a status: a word, and what fails once its rules were confirmed."""

from collections.abc import Sequence

from nodeops.core.errors import HostError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import HostDocument
from nodeops.firewall.drift_rules import Seen, findings, state
from nodeops.firewall.live import loaded, normalised
from nodeops.firewall.observe import UNIT, WATCH, confirmed_text, observe, state_folder
from nodeops.host import trial
from nodeops.host.units import systemd


def standing(document: HostDocument) -> tuple[str, Sequence[Finding]]:
    """Return "on", "on trial", "drift" or "off", and the findings that fail. Raise HostError without root.

    Rules that were never confirmed are no promise yet, and rules on trial are judged by their trial. While names of the
    document have no address, what is loaded is compared with what was confirmed: a name service must not decide whether a
    host that lost its rules is seen.
    """
    try:
        seen = _seen(document)
    except HostError as error:
        if confirmed_text(document) is None:
            raise
        # Such as a host whose nftables was removed: what was promised cannot be shown to hold.
        return "unknown", [
            Finding("firewall.live", Verdict.FAIL, "the rules that were confirmed are loaded", str(error), error.hint)
        ]
    promised = (seen.confirmed is not None or seen.enabled) and seen.trial_seconds is None
    return state(seen), [one for one in findings(seen) if promised and one.verdict is Verdict.FAIL]


def _seen(document: HostDocument) -> Seen:
    try:
        return observe(document)
    except HostError:
        return _by_what_was_confirmed(document)


def _by_what_was_confirmed(document: HostDocument) -> Seen:
    confirmed = confirmed_text(document)
    if confirmed is None:
        raise HostError("the names of the node document have no address, and no rules were ever confirmed", where="firewall")
    running = trial.pending(state_folder(document))
    return Seen(
        wanted=normalised(confirmed),
        script=confirmed,
        live=loaded(),
        confirmed=confirmed,
        enabled=systemd.unit(UNIT).enabled,
        watched=systemd.unit(WATCH).active,
        trial_seconds=None if running is None else running.remaining_seconds,
    )
