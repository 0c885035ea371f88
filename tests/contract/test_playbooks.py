"""A mistyped tag must not be a green run of nothing."""

import pytest

from tests.contract.rules import playbooks
from tests.contract.rules.tree import assert_kept


@pytest.mark.parametrize("rule", [playbooks.other_beginnings, playbooks.unlisted_tags], ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule):
    assert_kept(rule)


def test_a_playbook_that_begins_otherwise_is_found(plant):
    root = plant({"playbooks/a.yml": "[{hosts: nodes, tasks: [{debug: {}}]}]", "playbooks/tasks/b.yml": "[{debug: {}}]"})
    assert list(playbooks.other_beginnings(root)) == [
        "playbooks/a.yml does not begin with tasks/agreed.yml or tasks/document.yml or tasks/look.yml"
    ]


def test_tags_that_are_not_listed_and_lists_without_tags_are_found(plant):
    play = "{hosts: nodes, vars: {document_tags: [a, b]}, roles: [{role: x, tags: [always, a]}], tasks: [{tags: c}]}"
    assert list(playbooks.unlisted_tags(plant({"playbooks/p.yml": f"[{play}]"}))) == [
        "playbooks/p.yml: the tag b is listed and not there",
        "playbooks/p.yml: the tag c is not listed",
    ]
