"""What a consortium file says of states for nodes that begin later: whether the platform has any, and who vouches. Pure."""

from collections.abc import Iterator

from nodeops.document.models import Consortium
from nodeops.document.profile import Profile


def state_problems(consortium: Consortium, profile: Profile) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is said of states where the platform hands out none: place and text."""
    if profile.states:
        return
    text = f"{profile.platform} hands out no states: leave it out"
    if consortium.ledger.state_blocks is not None:
        yield ("ledger", "state_blocks"), text
    for name, node in consortium.nodes.items():
        if node.answers_members:
            yield ("nodes", name, "answers_members"), text
