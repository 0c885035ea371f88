"""Names that a node uses and somebody else has: a table of what would hand out the validator key, or let others write."""

import re
from pathlib import Path

import pytest

from nodeops.core.finding import Verdict
from nodeops.document.facts import NameFacts
from nodeops.document.names_rules import judge_names, names_of
from tests.unit.document.test_preflight import document

OURS = {"uid": 998, "gid": 998, "home": "/var/lib/ledger", "shell": "/usr/sbin/nologin", "group": 998, "members": []}
FOLDER = {"path": "/var/lib/ledger", "owner": "root", "mode": 0o755, "folder": True}
COMMAND = {"path": "/usr/local/bin/nodeops", "owner": "root", "mode": 0o755, "folder": False}


def failing(**seen: object) -> list[str]:
    return [one.id for one in judge_names(document(), NameFacts.model_validate(seen)) if one.verdict is Verdict.FAIL]


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"account": OURS, "paths": [FOLDER, {**FOLDER, "owner": "ledger"}], "units": [{"path": "/etc/x", "ours": True}]},
        {"account": {**OURS, "uid": None, "gid": None, "home": None, "shell": None}},
        {"paths": [{**COMMAND, "link": "/opt/nodeops/current/bin/nodeops"}]},
        {"paths": [{**FOLDER, "link": "/data/ledger"}]},
    ],
)
def test_names_that_are_free_or_ours_pass(seen):
    assert failing(**seen) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"shell": "/bin/bash"},
        {"shell": ""},
        {"uid": 1005},
        {"uid": 0},
        {"home": "/home/ledger"},
        {"members": ["bob"]},
        {"gid": 100},
        {"uid": None, "gid": None, "home": None, "shell": None, "members": ["bob"]},
    ],
)
def test_an_account_that_a_person_has_or_shares_is_refused(changed):
    assert failing(account={**OURS, **changed}) == ["account"]


@pytest.mark.parametrize("changed", [{"shell": "/bin/bash"}, {"uid": 1005}, {"uid": 0}, {"members": ["bob"]}, {"gid": 100}])
@pytest.mark.parametrize("name", ["nodeops-exporter", "nodeops-log-host", "nodeops-mesh"])
def test_an_account_of_another_program_of_ours_is_a_programs_too(name, changed):
    own = {**OURS, "home": "/"}
    assert failing(daemons={name: own}) == []
    assert failing(daemons={name: {**own, **changed}}) == ["daemons"]


@pytest.mark.parametrize(
    "path",
    [
        {**FOLDER, "owner": "bob"},
        {**FOLDER, "mode": 0o777},
        {**FOLDER, "folder": False},
        {**FOLDER, "path": "/opt/nodeops", "owner": "ledger"},
        COMMAND,
        {**COMMAND, "link": "/home/bob/nodeops"},
    ],
)
def test_a_path_of_others_is_refused(path):
    assert failing(paths=[path]) == ["paths"]


def test_a_unit_of_others_is_refused_by_its_file():
    assert failing(units=[{"path": "/usr/lib/systemd/system/ledger.service", "ours": False}]) == ["units"]


def test_every_name_is_asked_for():
    asked = names_of(document())
    assert asked["user"] == "ledger"
    assert {"/var/lib/ledger", "/opt/nodeops", "/etc/nodeops", "/usr/local/bin/nodeops"} <= set(asked["paths"])


def test_every_account_that_a_role_makes_is_asked_for():
    files = Path(__file__).parents[3].glob("roles/*/templates/etc/sysusers.d/*")
    made = {name for file in files for name in re.findall(r"^u (nodeops-\S+)", file.read_text(), re.MULTILINE)}
    assert made and made == set(names_of(document())["daemons"])
