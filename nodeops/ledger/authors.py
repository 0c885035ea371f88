"""Who may write records in whose name, where a ledger knows its authors: what members agreed on, never what an RPC says. Pure.

A key is that of a node, as its host published it, or of an application that the consortium file names. A key that counted once
is kept with the last height at which it did: records up to there stay what they are.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, ValidationError

from nodeops.core.digest import canonical
from nodeops.core.errors import HostError
from nodeops.document.fields import UNSAID, ChainId, Name
from nodeops.document.keys import PublicKey
from nodeops.document.models import Consortium, Model
from nodeops.ledger.identity.identity import Identity


class Author(Model):
    """A key for records (base64), and in whose name it writes: an organisation, and a node or an application of it.

    `until` is the last height at which it counts, None for one that counts today.
    """

    organisation: Name
    name: Name
    key: PublicKey
    until: Annotated[int | None, Field(ge=1), UNSAID] = None

    def counts_at(self, height: int) -> bool:
        """Tell whether a record of this height is one."""
        return self.until is None or height <= self.until


class Authors(Model):
    """What a host holds of all authors of a chain."""

    chain: ChainId
    authors: list[Author]

    def text(self) -> str:
        """Return it as it is written to hosts."""
        return canonical(self.model_dump(mode="json")).decode() + "\n"


def authors_of(consortium: Consortium, identities: Mapping[str, Identity]) -> Authors:
    """Return all authors, sorted so that everyone writes the same bytes."""
    found = sorted(_all(consortium, identities), key=lambda one: (one.organisation, one.name, one.until or 0, one.key))
    return Authors(chain=consortium.ledger.chain, authors=found)


def _all(consortium: Consortium, identities: Mapping[str, Identity]) -> Iterator[Author]:
    for name, node in consortium.nodes.items():
        identity = identities.get(name)
        if identity and identity.record_key:
            yield Author(organisation=node.organisation, name=name, key=identity.record_key)
    for organisation, member in consortium.organisations.items():
        for name, key in member.record_keys.items():
            yield Author(organisation=organisation, name=name, key=key)
    for one in consortium.former:
        yield Author(organisation=one.organisation, name=one.name, key=one.record_key, until=one.until)


def parse_authors(data: bytes, chain: str, where: str) -> list[Author]:
    """Return the authors that a host's file names. Raise HostError when it is damaged or that of another chain."""
    hint = "run ansible-playbook site.yml from the controller, which writes it"
    try:
        found = Authors.model_validate_json(data)
    except ValidationError as error:
        item = error.errors(include_url=False, include_input=False)[0]
        text = f"is damaged: {'.'.join(map(str, item['loc']))}: {item['msg']}"
        raise HostError(text, where=where, hint=hint) from error
    if found.chain != chain:
        raise HostError("names the authors of another chain", where=where, allowed=chain, hint=hint)
    if len({one.key for one in found.authors}) < len(found.authors):
        raise HostError("names one key for two authors", where=where, hint=hint)
    return found.authors
