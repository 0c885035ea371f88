"""Words that do not belong into the project."""

import pytest
from pydantic import BaseModel

from nodeops.document.models import NodeDocument
from tests.contract.rules.tree import assert_kept
from tests.contract.rules.words import forbidden_words, secret_fields


def test_the_house_keeps():
    assert_kept(forbidden_words)


# Put together here, so that this file does not hold the words themselves.
WORDS = [
    "https://" + "pypi" + ".org/simple",
    "GOPROXY=" + "proxy.golang" + ".org",
    "deb http://" + "deb.debian" + ".org/debian bookworm main",
    "FROM " + "docker.io" + "/debian",
    "cd /" + "work/main",
    "key: /" + "root/.ssh/id",
]


@pytest.mark.parametrize("text", WORDS)
def test_forbidden_words_are_found(plant, text):
    assert len(list(forbidden_words(plant({"docs/a.md": f"first\n{text}\n"})))) == 1


@pytest.mark.parametrize(
    "text", ["apt-get install docker.io", "https://docs.cometbft.com", "a/" + "work/b", "{{ home }}/" + "root/x"]
)
def test_other_words_are_allowed(plant, text):
    assert list(forbidden_words(plant({"a.md": text}))) == []


def test_the_node_document_names_no_secret():
    assert list(secret_fields(NodeDocument)) == []


def test_secret_fields_are_found_at_any_depth():
    class Inner(BaseModel):
        api_token: str
        name: str

    class Outer(BaseModel):
        password: str | None = None
        inner: dict[str, list[Inner]]

    assert list(secret_fields(Outer)) == ["password", "inner.api_token"]
