"""Look at a host's firewall: what the document asks, what is loaded, what is loaded at boot, what is on trial."""

from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument
from nodeops.firewall.addresses import current_rules
from nodeops.firewall.drift_rules import Seen
from nodeops.firewall.live import loaded, normalised
from nodeops.firewall.rules import RuleSet
from nodeops.firewall.ruleset import nft_text
from nodeops.host import trial
from nodeops.host.units import systemd

NAME = "firewall"
UNIT = "nodeops-firewall.service"
WATCH = "nodeops-firewall-watch.timer"


def state_folder(document: HostDocument) -> Path:
    """Return where a trial keeps what it needs to be undone."""
    return Path(document.paths["firewall_state"])


def confirmed_file(document: HostDocument) -> Path:
    """Return the script that is loaded at boot."""
    return Path(document.paths["firewall_rules"])


def observe(document: HostDocument, rules: RuleSet | None = None) -> Seen:
    """Return what was observed. Raise Refused when nft cannot read the wanted rules, HostError without root."""
    script = nft_text(rules or current_rules(document))
    running = trial.pending(state_folder(document))
    return Seen(
        wanted=normalised(script),
        script=script,
        live=loaded(),
        confirmed=confirmed_text(document),
        enabled=systemd.unit(UNIT).enabled,
        watched=systemd.unit(WATCH).active,
        trial_seconds=None if running is None else running.remaining_seconds,
    )


def confirmed_text(document: HostDocument) -> str | None:
    """Return the script that is loaded at boot; None when no rules were ever confirmed."""
    path = confirmed_file(document)
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path), hint="run as root") from error
