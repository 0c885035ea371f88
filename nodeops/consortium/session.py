"""What a verb of voting starts from: the files at hand, and the chain through a node of this organisation."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from nodeops.consortium.kept import previous
from nodeops.consortium.live import judged, shifts, untold
from nodeops.consortium.orders import Ground, Names, Registered
from nodeops.consortium.proven import proven_policy, proven_proposal, proven_signers
from nodeops.consortium.relay import Asks, Relay
from nodeops.core.errors import HostError, InputError, NodeopsError
from nodeops.core.finding import Finding
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import GENESIS_FILE, inventory_folder
from nodeops.document.load import load_consortium
from nodeops.document.models import Consortium
from nodeops.document.profile import Profile, load_profile
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.trust import trusted_set
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.app_state import COINS_PER_POWER
from nodeops.ledger.cosmos.codec import FormError
from nodeops.ledger.cosmos.group import validators
from nodeops.ledger.cosmos.group_state import Policy, Proposal, Validator
from nodeops.ledger.cosmos.messages import Packed, PublicKey, unpack
from nodeops.ledger.founding.gather import read_folder
from nodeops.ledger.identity.identity import address_of


@dataclass(frozen=True)
class Session:
    """The inventory at hand, and a driver of the chain through `node`, whose blocks are proven from the genesis at hand."""

    folder: Path
    working: Consortium
    profile: Profile
    driver: CometBft
    node: str
    follower: Follower
    asks: Asks

    @property
    def chain(self) -> str:
        """Return the chain's name, which every signature covers."""
        return self.working.ledger.chain

    def policy(self, height: int | None = None) -> Policy:
        """Return the consortium's policy at a height, else the newest that can be proven. Raise as `proven_policy`."""
        return proven_policy(self.driver, self.follower.block, height)[0]

    def proposal(self, number: int) -> Proposal | None:
        """Return a proposal, proven, None when the chain keeps none of this number. Raise as `proven_proposal`."""
        return proven_proposal(self.driver, self.follower.block, number)

    def before(self, since: Path | None) -> Consortium:
        """Return the revision before the working one. Raise InputError when it is not there."""
        return load_consortium(since) if since else previous(self.folder, self.working)


@contextmanager
def session(context: typer.Context, inventory: Path | None, via: str | None, but: str = "") -> Iterator[Session]:
    """Yield a session through the node that is named, or the first that answers; `but` is not asked unless it is named.

    Raise InputError for a platform that cannot ask organisations, HostError when no node answers.
    """
    folder = inventory_folder(inventory)
    working, _ = checked_consortium(folder)
    profile = _of_group(working.ledger.platform, f"{folder}/consortium.yml: ledger.platform")
    asks: Asks = context.obj.reach(folder)
    try:
        driver, node = _first(asks, working, via, but)
        yield Session(folder, working, profile, driver, node, _follower(folder, driver), asks)
    finally:
        asks.close()


def _follower(folder: Path, driver: CometBft) -> Follower:
    """Return who follows the chain from the genesis at hand. Raise InputError when it is not here."""
    text = read_folder(folder).text
    if text is None:
        hint = "get it from another member, and compare its digest: every proof rests on it"
        raise InputError("the genesis is not here", where=f"{folder}/{GENESIS_FILE}", hint=hint)
    return Follower(trusted_set(text.encode(), driver.chain, f"{folder}/{GENESIS_FILE}"), driver)


def _of_group(platform: str, where: str) -> Profile:
    profile = load_profile(platform)
    if profile.founding != "group":
        raise InputError(
            f"{platform} cannot ask organisations for their votes", where=where, hint="nodeops consortium sign serves there"
        )
    return profile


def _first(asks: Asks, working: Consortium, via: str | None, but: str) -> tuple[CometBft, str]:
    if via and via not in asks.nodes:
        raise InputError(f"not a managed node: {via}", where="--via", allowed=", ".join(asks.nodes))
    reasons: list[str] = []
    for node in [via] if via else [one for one in asks.nodes if one != but]:
        driver = CometBft(Relay(asks, node), working.ledger.chain)
        try:
            driver.status()
        except NodeopsError as error:
            reasons.append(f"{node}: {error.what}")
        else:
            return driver, node
    raise HostError("no node of ours answers for the chain:\n  " + "\n  ".join(reasons), hint="nodeops fleet status says why")


def published_keys(folder: Path) -> dict[str, str]:
    """Return the validator key (base64) of each node, as members published them; also of nodes that left."""
    return {name: one.validator_key.value for name, one in read_folder(folder).published.items()}


def node_ids(folder: Path) -> dict[str, str]:
    """Return the id by which peers know each node, as members published them."""
    return {name: one.node_id for name, one in read_folder(folder).published.items()}


def names_by_key(folder: Path) -> dict[str, str]:
    """Return the node of each validator key (base64), as members published them."""
    return {key: name for name, key in published_keys(folder).items()}


def ground(at: Session, upgrade_height: int | None = None) -> tuple[Ground, Names]:
    """Return the validators that the chain has by node, and who is meant by which address."""
    nodes, found, operators = names_by_key(at.folder), dict[str, Registered](), dict[str, str]()
    for one in validators(at.driver):
        name = nodes.get(key_of(one), f"a validator with key {key_of(one)}")
        operators[one.operator] = name
        power = int(one.tokens) // COINS_PER_POWER if one.tokens.isdecimal() else 0
        known = Registered(one.operator, power, bool(one.jailed), address_of(key) if (key := key_of(one)) else "")
        if name not in found or known.power:
            found[name] = known
    return Ground(found, upgrade_height), Names(operators, {})


def signing_after(at: Session, known: Ground, orders: Sequence[Packed]) -> list[Finding]:
    """Return whether those that sign now are enough once orders were executed; nothing when they move no power."""
    if not shifts(orders):
        return []
    try:
        signers = proven_signers(at.driver, at.follower)
    except NodeopsError as error:
        return [untold(str(error))]
    return judged(known, signers, orders, at.profile.quorum)


def key_of(validator: Validator) -> str:
    """Return a validator's key in base64, nothing for one of another kind."""
    try:
        found = unpack(validator.key) if validator.key else None
    except FormError:
        return ""
    return base64.b64encode(found.key).decode() if isinstance(found, PublicKey) else ""


def accounts(*files: Consortium) -> Mapping[str, str]:
    """Return the organisation of each account that files name, the newest last; an account that was replaced says so."""
    found: dict[str, str] = {}
    for file in files:
        own = {name: account_address(one.account) for name, one in file.organisations.items() if one.account}
        found = {
            address: f"{name} (its key before)" if own.get(name, address) != address else name for address, name in found.items()
        }
        found |= {address: name for name, address in own.items()}
    return found
