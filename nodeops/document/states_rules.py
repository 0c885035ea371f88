"""What a consortium file says of states for nodes that begin later: whether the platform has any, and who vouches. Pure."""

from collections.abc import Iterator

from nodeops.document.models import Consortium
from nodeops.document.profile import Profile

LEAST_ORGANISATIONS = 2


def state_problems(consortium: Consortium, profile: Profile) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is said of states where the platform hands out none, or where nobody could begin with one: place and text."""
    answering = [name for name, node in consortium.nodes.items() if node.answers_members]
    if profile.states:
        if answering and len({consortium.nodes[name].organisation for name in answering}) < LEAST_ORGANISATIONS:
            what = f"a node begins with a state that nodes of {LEAST_ORGANISATIONS} organisations prove, and only one's answer"
            yield ("nodes", answering[0], "answers_members"), f"{what}: say it of a node of another one too, or of none"
        return
    text = f"{profile.platform} hands out no states: leave it out"
    if consortium.ledger.state_blocks is not None:
        yield ("ledger", "state_blocks"), text
    for name in answering:
        yield ("nodes", name, "answers_members"), text
