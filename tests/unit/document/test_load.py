"""Reading consortium.yml: what is accepted, and the line of everything that is not."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium, plain, read_source
from tests.unit.document.written import GOOD, inventory, with_change


def test_a_good_file_is_read_from_its_folder_or_by_name(tmp_path):
    folder = inventory(tmp_path)
    assert load_consortium(folder) == load_consortium(folder / "consortium.yml")


def test_values_have_one_spelling(tmp_path):
    nodes = load_consortium(inventory(tmp_path)).nodes
    assert [nodes[name].address for name in ("mak-1", "mak-2")] == ["fd00::1", "node2.maker.example"]
    assert [nodes[name].voting_power for name in ("tel-1", "tel-2", "mak-1")] == [2, 0, 1]


def problem(tmp_path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        load_consortium(inventory(tmp_path, text))
    return str(caught.value).replace(f"{tmp_path}/", "")


PROBLEMS = {
    "unknown key": (
        with_change("power: 2", "powr: 2"),
        "consortium.yml:12: nodes.tel-1.powr: unknown key 'powr'; allowed: organisation, duty",
    ),
    "unknown key at the top": (
        GOOD + "nods: {}\n",
        "consortium.yml:20: nods: unknown key 'nods'; allowed: consortium, revision, ledger",
    ),
    "unknown key of the ledger": (with_change("chain:", "chian:"), "unknown key 'chian'; allowed: platform, version, chain"),
    "genesis time without quotes": (with_change("chain:", "genesis_time: 2026-01-31T08:00:00Z, chain:"), "ledger.genesis_time: "),
    "genesis time of no calendar": (
        with_change("chain:", "genesis_time: '2026-02-31T08:00:00Z', chain:"),
        "no moment of any calendar",
    ),
    "genesis time of long ago": (with_change("chain:", "genesis_time: '2020-01-31T08:00:00Z', chain:"), "is before 2023"),
    "key missing": (with_change("revision: 3\n", ""), "consortium.yml:1: revision: this key is required"),
    "power 0": (
        with_change("power: 2", "power: 0"),
        "consortium.yml:9: nodes.tel-1: power: a validator needs a power of 1 or more",
    ),
    "power below 0": (with_change("power: 2", "power: -1"), "a validator needs a power of 1 or more"),
    "power too large": (with_change("power: 2", "power: 1000001"), "consortium.yml:12: nodes.tel-1.power: "),
    "power of a witness": (with_change("duty: witness", "duty: witness, power: 1"), "a witness does not vote"),
    "power in words": (
        with_change("power: 2", "power: two"),
        "consortium.yml:12: nodes.tel-1.power: Input should be a valid integer",
    ),
    "power as text": (
        with_change("power: 2", "power: '2'"),
        "consortium.yml:12: nodes.tel-1.power: Input should be a valid integer",
    ),
    "power yes": (
        with_change("power: 2", "power: true"),
        "consortium.yml:12: nodes.tel-1.power: Input should be a valid integer",
    ),
    "unknown duty": (
        with_change("duty: validator", "duty: boss"),
        "consortium.yml:11: nodes.tel-1.duty: Input should be 'validator' or 'witness'",
    ),
    "name": (with_change("tel-1:", "Tel_1:"), "consortium.yml:9: nodes.Tel_1: is not a name; allowed: lower-case letters"),
    "no nodes": (GOOD.partition("nodes:")[0] + "nodes: {}\n", "consortium.yml:8: nodes: "),
    "revision 0": (with_change("revision: 3", "revision: 0"), "consortium.yml:3: revision: "),
    "revision of 20 digits": (with_change("revision: 3", f"revision: {'9' * 20}"), "consortium.yml:3: revision: "),
    "chain": (with_change("chain: battery-1", "chain: 'battery 1'"), "consortium.yml:4: ledger.chain: "),
    "version": (with_change("v0.38.21", "latest"), "consortium.yml:4: ledger.version: "),
    "key of an admin": (
        with_change("maker: {}", "maker: {admins: [ssh-rsa AAAA]}"),
        "consortium.yml:7: organisations.maker.admins.0: is not an OpenSSH public key",
    ),
    "application": (with_change("chain: battery-1", "chain: battery-1, application: kvstore"), "ledger.application: "),
    "application that ends its quotes": (
        with_change("chain: battery-1", "chain: battery-1, application: 'unix:///run/a\"#'"),
        "ledger.application: ",
    ),
    "application of bytes": (
        with_change("chain: battery-1", 'chain: battery-1, application: "unix:///run/a\\x01"'),
        "ledger.application: ",
    ),
    "a list": ("- 1\n", "consortium.yml:1: is not a mapping of keys"),
    "empty": ("", "consortium.yml:1: is not a mapping of keys"),
    "twice the same key": (with_change("  tel-2:", "  tel-1:"), 'consortium.yml:14: found duplicate key "tel-1"'),
    "not YAML": (with_change("maker: {}", "maker: {"), "consortium.yml:"),
    "tab": (with_change("  maker", "\tmaker"), "consortium.yml:7: "),
    "two documents": (GOOD + "---\na: 1\n", "consortium.yml:"),
    "no date": (with_change("revision: 3", "revision: 2026-13-45"), "is not YAML: month must be in 1..12"),
    "no number": (with_change("revision: 3", f"revision: {'9' * 5000}"), "is not YAML"),
    "deep": ("[" * 1000, "nested too deeply"),
    "grows": (
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in ("ab", "bc", "cd", "de", "ef")),
        "holds more than",
    ),
}


@pytest.mark.parametrize(("text", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_mistake_is_named_with_its_line(tmp_path, text, said):
    assert said in problem(tmp_path, text)


def test_all_mistakes_are_named_at_once(tmp_path):
    text = GOOD.replace("power: 2", "powr: 2").replace("duty: witness", "duty: boss").replace("revision: 3", "revision: 0")
    lines = [line.split(":")[1] for line in problem(tmp_path, text).splitlines() if line.startswith("consortium.yml")]
    assert lines == ["3", "12", "14"]


@pytest.mark.parametrize("name", ["power", "site", "duty"])
def test_a_node_may_be_called_like_a_key(tmp_path, name):
    said = problem(tmp_path, with_change("tel-1:", f"{name}:").replace("power: 2", "powr: 2"))
    assert f"nodes.{name}.powr: unknown key 'powr'; allowed: organisation, duty, address, power, site" in said


ADDRESSES = {
    "10.0.0.7": "10.0.0.7",
    "2001:DB8::0:1": "2001:db8::1",
    "::ffff:10.0.0.7": "10.0.0.7",
    "node-1": "node-1",
    "4node": "4node",
    "Node-1.Example.ORG": "node-1.example.org",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
    "10.0.0.256": None,
    "10.0.0": None,
    "10.0.0.1.5": None,
    "010.0.0.1": None,
    "0x7f.1": None,
    "host.0x7f": None,
    "1": None,
    "0.0.0.0": None,
    "0.1.2.3": None,
    "127.0.0.1": None,
    "127.8.8.8": None,
    "::1": None,
    "::ffff:127.0.0.1": None,
    "169.254.0.7": None,
    "fe80::7": None,
    "255.255.255.255": None,
    "240.0.0.1": None,
    "localhost": None,
    "node.localhost": None,
    "IP6-localhost": None,
    "ip6-loopback": None,
    "localhost.localdomain": None,
    "ip6-localhost.example": "ip6-localhost.example",
    "::": None,
    "224.0.0.1": None,
    "ff02::1": None,
    "fe80::1%eth0": None,
    "10.0.0.1:26656": None,
    "10.0.0.0/8": None,
    "[::1]": None,
    "node_1": None,
    "-node": None,
    "a..b": None,
    "node.": None,
    "no de": None,
    "": None,
    "x" * 64: None,
    "$(reboot)": None,
}


@pytest.mark.parametrize(("given_address", "kept"), ADDRESSES.items())
def test_addresses(tmp_path, given_address, kept):
    text = with_change("address: 10.0.0.1\n", f"address: '{given_address}'\n")
    if kept is None:
        assert "consortium.yml:13: nodes.tel-1.address: is " in problem(tmp_path, text)
    else:
        assert load_consortium(inventory(tmp_path, text)).nodes["tel-1"].address == kept


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file") as caught:
        load_consortium(tmp_path)
    assert "inventories/example" in caught.value.hint
    (tmp_path / "consortium.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"consortium\.yml: cannot be read"):
        load_consortium(tmp_path)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(InputError):
        load_consortium(file)


def test_plain_data_has_no_trace_of_the_file(tmp_path):
    (tmp_path / "a.yml").write_text("a: [1, 2.5, 'x', true, null, {b: 0x10}]\n1: 2\n")
    data = plain(read_source(tmp_path / "a.yml").tree)
    assert data == {"a": [1, 2.5, "x", True, None, {"b": 16}], "1": 2}
    assert [type(value) for value in data["a"]] == [int, float, str, bool, type(None), dict]
