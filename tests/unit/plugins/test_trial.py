"""The action of a change on trial: a jump host is confirmed only once a new login behind it works."""

import importlib.util
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from nodeops.core.errors import Refused
from nodeops.firewall import cli as firewall
from nodeops.hardening import cli as hardening
from nodeops.host import trial

ROOT = Path(__file__).parents[3]
ARGUMENTS = {"confirm": ["hardening", "confirm"]}


@pytest.fixture
def action(monkeypatch):
    """Return the action with nothing behind it but what a test says; `done` is what it did, in order."""
    spec = importlib.util.spec_from_file_location("nodeops_trial_action", ROOT / "plugins/action/nodeops_trial.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made, done = object.__new__(module.ActionModule), []
    made._connection = SimpleNamespace(reset=lambda: done.append("reset"))
    monkeypatch.setattr(made, "_verb", lambda _, words: done.append(words[-1]) or {"answer": {}}, raising=False)
    # Its own clock: that of every thread of this process stays as it is.
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: None))
    return module, made, done


def test_who_is_behind_is_what_the_inventory_says(action):
    known = {"hostvars": {"node-4": {}}}
    assert action[1]._behind({**known, "nodeops_hosts_behind": ["node-4", "gone"]}) == ["node-4"]
    assert action[1]._behind(known) == []


def test_a_login_is_made_as_ansible_makes_it(action, monkeypatch):
    module, made, _ = action
    asked = []
    monkeypatch.setattr(module, "new_login", lambda words, name, _: asked.append((words, name)) or "")
    known = {"ansible_ssh_common_args": "-F '/a b/ssh_config'", "ansible_user": "ops", "ansible_port": 2222}
    assert made._trouble("node-4", {"hostvars": {"node-4": known}}) == ""
    assert asked == [(["-F", "/a b/ssh_config", "-l", "ops", "-p", "2222"], "node-4")]


def test_it_is_kept_when_the_way_behind_is_open_again(action, monkeypatch):
    _, made, done = action
    said = iter(["cut off", "cut off", ""])
    monkeypatch.setattr(made, "_trouble", lambda *_: next(said))
    assert "failed" not in made._confirm(ARGUMENTS, {"seconds": 60, "token": "t"}, {}, ["node-4"])
    assert done == ["reset", "reset", "reset", "t"]


def test_it_is_not_kept_while_the_host_behind_cannot_be_reached(action, monkeypatch):
    module, made, done = action
    monkeypatch.setattr(made, "_trouble", lambda *_: "administratively prohibited")
    clock = iter([0.0, 1.0, 2.0, 99.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    answer = made._confirm(ARGUMENTS, {"seconds": 60, "token": "t"}, {}, ["node-4"])
    assert answer["failed"] and "node-4: administratively prohibited" in answer["msg"]
    assert "t" not in done, "nothing was confirmed"


@pytest.mark.parametrize(("name", "app"), [("firewall", firewall.app), ("hardening", hardening.app)])
def test_who_is_told_that_a_confirmation_failed_is_told_a_verb_that_there_is(action, tmp_path, name, app):
    with pytest.raises(Refused) as said:
        trial.require(tmp_path, "t", name)
    told = action[0]._left([name, "apply"], 89.6)
    assert "within 90 s" in told
    for text in (said.value.hint, told):
        words = text.partition("nodeops ")[2].split()
        command = typer.main.get_command(app).commands[words[1]]
        assert words[0] == name
        assert words[2] in {option for parameter in command.params for option in parameter.opts}
