"""Who could log in over SSH before a change and could not after it: asked of sshd itself, for each account that has keys."""

from collections.abc import Sequence

from nodeops.core.errors import Refused
from nodeops.document.models import HostDocument
from nodeops.hardening.change.plan import Step
from nodeops.hardening.controls.logins import Key, addresses, keys, refusal
from nodeops.hardening.host import sshd
from nodeops.hardening.host.sshd_config import Account, blocks, flat
from nodeops.hardening.host.states import content_of

_SSH = "file /etc/ssh/"


def losers(steps: Sequence[Step]) -> dict[str, str]:
    """Return the accounts that lose access over SSH by these steps, each with the reason. Nothing is changed."""
    texts = {step.key.partition(" ")[2]: content_of(step.after) for step in steps if step.key.startswith(_SSH)}
    if not any("sshd_config" in path for path in texts):
        return {}
    new = sshd.lines_with(texts)
    # The host's keys may be on their way too: who may log in does not depend on them.
    after = flat([line for line in new if line.key != "hostkey"])
    contexts = addresses([*blocks(sshd.lines()), *blocks(new)])
    found = ((account.name, _loss(account, contexts, after)) for account in sshd.accounts())
    return {name: reason for name, reason in found if reason}


def _loss(account: Account, contexts: Sequence[str], after: str) -> str:
    before = sshd.for_login(account.name, contexts[0]) if _may_have_keys(account) else {}
    own = keys(sshd.keys_of(account.name, before)) if before else []
    reasons = (_reason(account, own, address, after) for address in contexts) if own else iter(())
    return next(filter(None, reasons), "")


def _may_have_keys(account: Account) -> bool:
    """Tell whether an account can have keys at all: most of a host's have no home of their own, and sshd need not be asked."""
    return account.person or bool(sshd.keys_of(account.name, {}))


def _reason(account: Account, own: Sequence[Key], address: str, after: str) -> str:
    if refusal(account, own, sshd.for_login(account.name, address)):
        return ""
    return refusal(account, own, sshd.for_login(account.name, address, after))


def loss_notes(document: HostDocument, lost: dict[str, str]) -> list[str]:
    """Return a line for each account that loses access."""
    agreed = document.limits.hardening.may_lose_access
    return [f"{name} loses access over SSH{' as agreed' if name in agreed else ''}: {reason}" for name, reason in lost.items()]


def require_nobody_lost(document: HostDocument, steps: Sequence[Step]) -> None:
    """Raise Refused, naming everybody who would lose access over SSH and was not named as one who may."""
    lost = {name: why for name, why in losers(steps).items() if name not in document.limits.hardening.may_lose_access}
    if lost:
        what = "; ".join(f"{name} would lose access over SSH: {reason}" for name, reason in lost.items())
        hint = "give them keys that will do, waive the control, or name them in nodeops_choices: hardening.may_lose_access"
        raise Refused(what, where="hardening", hint=f"{hint}. Nothing was changed")
