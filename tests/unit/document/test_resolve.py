"""From the consortium file, the profile and the choices to one host's document."""

import json

import pytest

from nodeops.core.errors import HostError, InputError
from nodeops.document.host import load_node_document
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.profile import known_platforms, load_profile
from nodeops.document.resolve import consortium_digest, differences, host_paths, resolve
from tests.unit.document.written import GOOD, inventory, with_change


@pytest.fixture
def consortium(tmp_path):
    return load_consortium(inventory(tmp_path / "inventory"))


def test_the_document_says_everything_about_its_node(consortium):
    document = resolve(consortium, "mak-1", {"log_level": "debug"})
    assert document.node.model_dump() == {
        "name": "mak-1",
        "organisation": "maker",
        "duty": "validator",
        "power": 1,
        "address": "fd00::1",
        "site": "north",
    }
    assert [member.name for member in document.members] == ["mak-1", "mak-2", "mak-3", "tel-1", "tel-2"]
    assert (document.ledger.chain, document.ledger.log_level, document.revision) == ("battery-1", "debug", 3)
    assert document.ledger.application == load_profile("cometbft").application
    assert document.paths == host_paths()


def test_paths_of_the_version_follow_from_the_profile(consortium):
    paths = resolve(consortium, "tel-1", {}).ledger.paths
    folder = load_profile("cometbft").paths["binaries"]
    assert paths["version_binary"] == f"{folder}/v0.38.21/cometbft"
    assert paths["binary"] == f"{folder}/current/cometbft"


def test_the_document_survives_the_way_to_the_host(consortium, tmp_path):
    document = resolve(consortium, "tel-1", {})
    file = tmp_path / "node.json"
    file.write_text(json.dumps(document.model_dump(mode="json")))
    assert load_node_document(file) == document


def test_an_application_may_be_named(tmp_path):
    consortium = load_consortium(
        inventory(tmp_path, with_change("chain: battery-1", "chain: battery-1, application: tcp://127.0.0.1:26658"))
    )
    assert resolve(consortium, "tel-1", {}).ledger.application == "tcp://127.0.0.1:26658"


def test_documents_differ_only_in_what_is_the_nodes_own(consortium):
    one, two = (resolve(consortium, name, {}).model_dump(mode="json") for name in ("tel-1", "mak-1"))
    assert {path.split(".")[0] for path, _, _ in differences(one, two)} == {"node"}


def test_the_digest_names_the_content_not_the_layout(consortium, tmp_path):
    again = load_consortium(inventory(tmp_path / "b", "# a comment\n" + GOOD.replace('"FD00::1"', "'fd00:0::1'")))
    other = load_consortium(inventory(tmp_path / "c", with_change("revision: 3", "revision: 4")))
    assert consortium_digest(again) == consortium_digest(consortium)
    assert consortium_digest(other) != consortium_digest(consortium)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"log_levle": "info"}, "log_levle: unknown key 'log_levle'; allowed: log_level, min_free_bytes"),
        ({"log_level": "trace"}, "log_level: Input should be"),
        ({"min_free_bytes": "1 GB"}, "min_free_bytes: "),
        ({"max_clock_skew_seconds": 0}, "max_clock_skew_seconds: "),
    ],
)
def test_a_wrong_choice_is_named_with_what_is_allowed(consortium, choices, said):
    with pytest.raises(InputError) as caught:
        resolve(consortium, "tel-1", choices)
    assert said in str(caught.value)


def test_all_wrong_choices_are_named_at_once(consortium):
    with pytest.raises(InputError) as caught:
        resolve(consortium, "tel-1", {"log_level": "trace", "disk": {"ship": {"remoot": "x"}}, "firewall": {"sshport": 1}})
    assert [line.partition(":")[0] for line in caught.value.what.splitlines()] == [
        "log_level",
        "firewall.sshport",
        "disk.ship.remote",
        "disk.ship.remoot",
    ]
    assert "unknown key 'remoot'; allowed: remote, required, most_bytes_per_second" in caught.value.what


def test_an_unknown_node_is_named_with_those_there_are(consortium):
    with pytest.raises(InputError, match="unknown node 'tel-9'") as caught:
        resolve(consortium, "tel-9", {})
    assert caught.value.allowed == "mak-1, mak-2, mak-3, tel-1, tel-2"


DIFFERENCES = [
    ({}, {}, []),
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("a.c", 2, 3)]),
    ({"a": 1}, {"b": 1}, [("a", 1, None), ("b", None, 1)]),
    ({"a": {"b": 1}}, {"a": 5}, [("a", {"b": 1}, 5)]),
    ({"a": [1]}, {"a": [1, 2]}, [("a", [1], [1, 2])]),
]


@pytest.mark.parametrize(("old", "new", "found"), DIFFERENCES)
def test_differences(old, new, found):
    assert list(differences(old, new)) == found


def test_every_platform_has_a_whole_profile():
    assert "cometbft" in known_platforms()
    for platform in known_platforms():
        profile = load_profile(platform)
        assert profile.platform == platform
        assert profile.quorum.denominator > 0


@pytest.mark.parametrize("name", ["bitcoin", "../cometbft", ""])
def test_an_unknown_platform_is_refused(name):
    with pytest.raises(InputError, match="unknown ledger platform"):
        load_profile(name)


def spoiled(document: NodeDocument, **changes: object) -> str:
    return json.dumps({**document.model_dump(mode="json"), **changes})


def test_a_host_without_a_whole_document_is_told_what_to_do(consortium, tmp_path):
    document, file = resolve(consortium, "tel-1", {}), tmp_path / "node.json"
    with pytest.raises(HostError, match="no node document") as caught:
        load_node_document(file)
    assert "site.yml" in caught.value.hint
    for text, said in (
        ("{", "damaged"),
        (spoiled(document, schema_version=2), "schema_version"),
        (spoiled(document, x=1), "x: "),
    ):
        file.write_text(text)
        with pytest.raises(HostError, match="damaged") as caught:
            load_node_document(file)
        assert said in str(caught.value)
