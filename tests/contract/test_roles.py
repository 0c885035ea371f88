"""The shape of every role."""

import pytest

from tests.contract.rules import roles
from tests.contract.rules.tree import assert_kept

RULES = [
    roles.missing_parts,
    roles.drift,
    roles.foreign_names,
    roles.borrowed_names,
    roles.undeclared_shared,
    roles.literals,
    roles.limited_starts,
    roles.failing_ends,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule):
    assert_kept(rule)


def test_a_role_without_its_parts_is_found(plant):
    root = plant({"roles/x/tasks/main.yml": "[]"})
    assert list(roles.missing_parts(root)) == ["x has no README.md", "x has no meta/argument_specs.yml"]


SPEC = "argument_specs: {{main: {{options: {{x_a: {option}}}}}}}"
DRIFT = {
    "equal": ("{type: int, default: 1}", "x_a: 1", []),
    "required": ("{type: int, required: true}", "{}", []),
    "optional": ("{type: int}", "{}", []),
    "different": ("{type: int, default: 1}", "x_a: 2", ["x: x_a has the default 2, argument_specs says 1"]),
    "true is not one": ("{type: bool, default: true}", "x_a: 1", ["x: x_a has the default 1, argument_specs says True"]),
    "missing": ("{type: int, default: 1}", "{}", ["x: x_a has no default, argument_specs says 1"]),
    "not promised": ("{type: int}", "x_a: 1", ["x: x_a has the default 1, argument_specs names none"]),
    "required with default": ("{type: int, required: true}", "x_a: 1", ["x: x_a is required and has a default"]),
    "extra": ("{type: int, default: 1}", "{x_a: 1, x_b: 2}", ["x: x_b has a default but is not in argument_specs"]),
}


@pytest.mark.parametrize(("option", "default", "breaches"), DRIFT.values(), ids=DRIFT)
def test_drift_is_found(plant, option, default, breaches):
    root = plant({"roles/x/meta/argument_specs.yml": SPEC.format(option=option), "roles/x/defaults/main.yml": default})
    assert list(roles.drift(root)) == breaches


NAMES = {
    "public": ("defaults/main.yml", "{x_a: 1, a: 1}", "a should be x_..."),
    "option": (
        "meta/argument_specs.yml",
        "argument_specs: {main: {options: {node_document: {}, y_a: {}}}}",
        "y_a should be x_...",
    ),
    "private": ("vars/main.yml", "{_x_a: 1, x_b: 2}", "x_b should be _x_..."),
    "registered": ("tasks/main.yml", "[{register: __x_a}, {register: answer}]", "answer should be __x_..."),
    "registered in a block": (
        "tasks/more.yml",
        "[{block: [{register: __x_a}], rescue: [{register: __y_a}]}]",
        "__y_a should be __x_...",
    ),
    "fact": ("tasks/main.yml", "[{ansible.builtin.set_fact: {node_document: 1, a: 1}}]", "a should be x_..."),
    "variable of a task": ("tasks/main.yml", "[{vars: {__x_a: 1, _a: 1}}]", "a should be x_..."),
}


@pytest.mark.parametrize(("file", "text", "breach"), NAMES.values(), ids=NAMES)
def test_names_without_their_role_are_found(plant, file, text, breach):
    assert list(roles.foreign_names(plant({f"roles/x/{file}": text}))) == [f"x: {breach}"]


def test_names_of_another_role_are_found(plant):
    files = {"roles/x/tasks/main.yml": "[{debug: {msg: '{{ __y_seen + _y_a + _x_a + y_b }}'}}]", "roles/y/tasks/main.yml": "[]"}
    breaches = [f"roles/x/tasks/main.yml reads {name}" for name in ("__y_seen", "_y_a")]
    assert list(roles.borrowed_names(plant(files))) == breaches


def test_shared_names_that_are_not_declared_are_found(plant):
    spec = "argument_specs: {main: {options: {node_document: {type: dict}}}}"
    uses = "[{debug: {msg: '{{ node_document }} {{ host_observed }}'}}, {register: nodeops_choices, x: nodeops_choices}]"
    root = plant({"roles/x/meta/argument_specs.yml": spec, "roles/x/tasks/main.yml": uses})
    assert list(roles.undeclared_shared(root)) == ["x reads host_observed and does not declare it"]


LITERALS = [
    "port: 26656",
    "rpc_port = 26657",
    "x_port: '9100'",
    "laddr = tcp://127.0.0.1:26657",
    "url: http://{{ address }}:9090/metrics",
    "dest: /etc/nodeops/node.json",
    "home: /var/lib/ledger",
    'content: "{{ a }} /var/log/ledger/x.log"',
    "exec: /opt/ledger/current/cometbft",
    "link: /usr/local/bin/nodeops",
]
ALLOWED = [
    "port: '{{ node_document.ledger.ports.p2p.port }}'",
    "dest: /etc/systemd/system/{{ node_document.ledger.unit }}",
    "conf: /etc/sysusers.d/nodeops.conf",
    "src: var/lib/ledger/config/config.toml.j2",
    "path: '{{ node_document.paths.state }}/var/lib'",
    "mode: '0644'",
    "LimitNOFILE=65536",
    "path: /var/lib/apt/lists",
    "when: 10:30",
]


@pytest.mark.parametrize("line", LITERALS)
@pytest.mark.parametrize("file", ["tasks/main.yml", "templates/a.j2", "vars/main.yml"])
def test_literals_are_found(plant, file, line):
    assert len(list(roles.literals(plant({f"roles/x/{file}": line})))) >= 1


@pytest.mark.parametrize("line", ALLOWED)
def test_what_comes_from_the_document_or_the_system_is_allowed(plant, line):
    assert list(roles.literals(plant({"roles/x/tasks/main.yml": line}))) == []


@pytest.mark.parametrize(("line", "found"), [("StartLimitIntervalSec=0", 0), ("StartLimitIntervalSec=10", 1), ("", 1)])
def test_services_with_a_limit_of_starts_are_found(plant, line, found):
    assert len(list(roles.limited_starts(plant({"roles/x/templates/a.service.j2": f"[Unit]\n{line}\n[Service]\n"})))) == found


ENDS = [("Type=notify\nSuccessExitStatus=143", 0), ("Type=notify", 1), ("Type=oneshot", 0)]


@pytest.mark.parametrize(("lines", "found"), ENDS)
def test_services_that_fail_when_they_are_stopped_are_found(plant, lines, found):
    root = plant({"roles/x/templates/a.service.j2": f"[Service]\n{lines}\nRestart=always\n"})
    assert len(list(roles.failing_ends(root))) == found
