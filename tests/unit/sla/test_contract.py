"""A contract is read strictly: each mistake with its line, and what cannot be measured with the reason."""

from pathlib import Path

import pytest

from nodeops.artifacts.own_source import REPOSITORY
from nodeops.core.errors import InputError
from nodeops.sla.contract import load_contract
from tests.unit.sla.samples import CONTRACT, ONE, contract


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in CONTRACT
    file = folder / "contract.yml"
    file.write_text(CONTRACT.replace(old, new) if old else CONTRACT)
    return file


def test_a_contract_and_its_digest(tmp_path: Path) -> None:
    found, digest = load_contract(written(tmp_path))
    assert (found.provider, found.service.nodes["gamma-1"], found.maintenance and found.maintenance.notice_minutes) == (
        "gamma",
        ONE,
        30,
    )
    assert digest != load_contract(written(tmp_path, "claim_days: 30", "claim_days: 31"))[1]
    assert load_contract(written(tmp_path, "maintenance: {notice_minutes: 30, most_minutes: 240}\n"))[0].maintenance is None


MISTAKES = {
    "a float": ('objective: "99.9"', "objective: 99.9", 13, "objective: Input should be a valid string"),
    "more than all": ('objective: "99.9"', 'objective: "100.1"', 13, "objective: String should match"),
    "an unknown key": ("claim_days: 30", "claim_day: 30", 23, "unknown key 'claim_day'; allowed: schema, contract, chain"),
    "a key twice": ("claim_days: 30", "claim_days: 30\nclaim_days: 31", 24, "found duplicate key"),
    "another schema": ("nodeops.sla/1", "nodeops.sla/2", 1, "schema: Input should be 'nodeops.sla/1'"),
    "an address in small letters": (ONE, "a" * 40, 8, "service.nodes.gamma-1: String should match"),
    "an address twice": ("2" * 40, ONE, 8, "service.nodes: two nodes have one address"),
    "its own customer": ("customer: alpha", "customer: gamma", 1, "customer: is the provider itself"),
    "no first of a month": ("since: 2026-10-01", "since: 2026-10-02", 9, "valid.since: is no first of a month"),
    "an end before its begin": ("until: 2027-10-01", "until: 2026-10-01", 9, "valid: until: is not after since"),
    "no zone": ("Asia/Shanghai", "Asia/Nowhere", 10, "period.zone: is no time zone that this host knows"),
    "the zone of a host": ("Asia/Shanghai", "localtime", 10, "period.zone: String should match"),
    "a way out of the zones": ("Asia/Shanghai", "../../etc/passwd", 10, "period.zone: String should match"),
    "weeks": ("unit: month", "unit: week", 10, "period.unit: Input should be 'month'"),
    "slices that do not fit": ("slice_seconds: 60", "slice_seconds: 7", 11, "slice_seconds: Input should be 10, 12"),
    "more votes than blocks": ('"1/2"', '"3/2"', 12, "indicator.validator.votes: is more than the whole"),
    "no share": ('"1/2"', '"1/0"', 12, "indicator.validator.votes: String should match"),
    "a credit for what was met": (
        'objective: "99.9"',
        'objective: "99.5"',
        1,
        "the first is owed although the objective was",
    ),
    "credits that fall": ('percent: "25"', 'percent: "5"', 1, "credits: each has a lower `below` and a higher `percent`"),
    "bands out of order": ('below: "95.0"', 'below: "99.5"', 1, "credits: each has a lower `below` and a higher `percent`"),
    "no credits": (CONTRACT[CONTRACT.index("credits:") : CONTRACT.index("claim_days")], "credits: []\n", 19, "at least 1 item"),
}
NOT_MEASURED = {
    "a gateway": (
        "kind: peer-nodes",
        "kind: gateway",
        7,
        "service.kind: gateway needs monitors whose probes stand on",
    ),
    "other nodes": ('{votes: "1/2"}}', '{votes: "1/2"}, other: {agree: 2}}', 12, "indicator: other: needs monitors"),
    "who was away in a halt": ("halt: excluded", "halt: pivotal", 16, "no block says who was away; allowed: excluded, counts"),
    "days of notice": ("notice_minutes: 30", "notice_hours: 72", 15, "notice_hours: a lease begins with its own block"),
    "as long as a lease": ("notice_minutes: 30", "notice_minutes: 240", 15, "less than or equal to 239"),
}


@pytest.mark.parametrize(
    ("old", "new", "line", "says"), [*MISTAKES.values(), *NOT_MEASURED.values()], ids=[*MISTAKES, *NOT_MEASURED]
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    file = written(tmp_path, old, new)
    with pytest.raises(InputError) as caught:
        load_contract(file)
    assert f"{file}:{line}: " in str(caught.value)
    assert says in str(caught.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "contract.yml").write_text("schema: nodeops.sla/1\nobjective: 99.9\n")
    with pytest.raises(InputError, match=r"(?s)chain: this key is required.*objective: Input should be a valid string"):
        load_contract(tmp_path / "contract.yml")


@pytest.mark.parametrize("text", ["", "[]", "a: [", "\x00"])
def test_what_is_no_contract(tmp_path: Path, text: str) -> None:
    (tmp_path / "contract.yml").write_text(text)
    with pytest.raises(InputError, match=r"contract\.yml"):
        load_contract(tmp_path / "contract.yml")


def test_no_file_and_one_too_large(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_contract(tmp_path / "none.yml")
    (tmp_path / "large.yml").write_bytes(b"#" * (1 << 21))
    with pytest.raises(InputError, match="has more than"):
        load_contract(tmp_path / "large.yml")


def test_the_sample_is_one() -> None:
    assert contract().contract == "gamma-alpha"


def test_the_contract_that_the_page_shows_is_one(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/sla.md").read_text(encoding="utf-8")
    (tmp_path / "page.yml").write_text(page.partition("```yaml\n")[2].partition("```")[0])
    assert load_contract(tmp_path / "page.yml")[0].provider == "gamma"
