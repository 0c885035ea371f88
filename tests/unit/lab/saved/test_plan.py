from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.lab import texts
from nodeops.lab.plan import features, plan_up
from nodeops.lab.saved.plan import pick, plan_forget, plan_load, plan_save
from nodeops.lab.saved.state import IMAGE, TREE, Card, MadeOf, Save, SavedHost, current, read_card, saves_of
from nodeops.lab.spec import HostSpec, Lab
from nodeops.lab.state import Act, Probe, Seen, SeenHost, SeenNetwork

N1 = HostSpec("n1", "172.30.91.11", "debian12", (("/var/log/ledger", 1 << 28),))
N2 = HostSpec("n2", "172.30.91.12", "debian13")
LAB = Lab("small", Path("/inventory"), "172.30.91.0/24", (N1, N2))
IMAGES = {"debian12": "nodeops-lab:debian12-aa", "debian13": "nodeops-lab:debian13-aa"}
KEY = "ssh-ed25519 AAAA lab small"
MADE_OF = MadeOf({TREE: "t1", IMAGE: "i1"}, "c1")


def card(node: HostSpec, name: str = "base", identifier: str = "1111", **changed) -> Card:
    made = Card(
        name=name,
        id=identifier,
        lab="origin",
        node=node.name,
        hosts=["n1", "n2"],
        made_of=MADE_OF,
        features=features(node, IMAGES[node.release], "s1"),
        files={f"identities/{node.name}.yml": f"id of {node.name}", "genesis.json": "genesis"},
    )
    return replace(made, **changed)


def saved(*cards: Card, made: int = 100) -> list[Save]:
    return saves_of([SavedHost(f"{one.name}-{one.id}.{one.node}", made, 10 << 20, one) for one in cards])


(SAVE,) = saved(card(N1), card(N2))


def host(spec: HostSpec, **changed) -> SeenHost:
    probe = Probe("running", (), f"ssh-ed25519 KEY-{spec.name}", KEY)
    made = features(spec, IMAGES[spec.release], "s1")
    seen = SeenHost(
        f"id-{spec.name}", f"nodeops-small.{spec.name}", "small", spec.name, "running", made, "/inventory", probe=probe
    )
    return replace(seen, **changed)


FILES = {
    "ssh_config": texts.ssh_config(LAB),
    ".lab/known_hosts": texts.known_hosts(LAB, {spec.name: f"ssh-ed25519 KEY-{spec.name}" for spec in LAB.hosts}),
    "genesis.json": "genesis",
    "identities/n1.yml": "id of n1",
    "identities/n2.yml": "id of n2",
}
NOTHING = Seen(texts={"identities/n1.yml": "of another life"})
UP = Seen(
    hosts=[host(N1), host(N2)],
    networks=[SeenNetwork("f" * 64, "nodeops-small", "small", ("172.30.91.0/24",))],
    images={tag: {"small"} for tag in IMAGES.values()},
    texts=FILES,
    public_key=KEY,
)
LOADED = [host(spec, loaded="base-1111", loaded_with=("n1", "n2")) for spec in LAB.hosts]


def load(seen: Seen, save: Save = SAVE, lab: Lab = LAB, made_of: MadeOf = MADE_OF, unlike: bool = False) -> list[tuple[Act, str]]:
    return [(step.act, step.subject) for step in plan_load(lab, save, made_of, "s1", seen, unlike)]


def test_load_from_nothing_restores_files_and_makes_hosts():
    assert load(NOTHING) == [
        (Act.RESTORE_FILE, "genesis.json"),
        (Act.RESTORE_FILE, "identities/n1.yml"),
        (Act.RESTORE_FILE, "identities/n2.yml"),
        (Act.MAKE_KEY, "/inventory/.lab"),
        (Act.CREATE_NETWORK, "nodeops-small"),
        (Act.LOAD_HOST, "n1"),
        (Act.LOAD_HOST, "n2"),
        (Act.WRITE_ACCESS, "ssh_config"),
    ]


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        (replace(UP, hosts=LOADED), []),
        (replace(UP, hosts=LOADED[:1]), [(Act.LOAD_HOST, "n2"), (Act.WRITE_ACCESS, "ssh_config")]),
        (
            replace(UP, hosts=[LOADED[0], replace(LOADED[1], state="created", probe=None)]),
            [(Act.START_HOST, "n2"), (Act.WRITE_ACCESS, "ssh_config")],
        ),
        (replace(UP, hosts=LOADED, texts={**FILES, "genesis.json": "torn"}), [(Act.RESTORE_FILE, "genesis.json")]),
    ],
)
def test_a_load_that_was_killed_is_completed(seen, steps):
    assert load(seen) == steps


def test_up_does_not_mix_hosts_of_a_save_with_new_ones():
    with pytest.raises(Refused, match="loaded by half from base-1111: n2 is missing"):
        plan_up(LAB, IMAGES, "s1", replace(UP, hosts=LOADED[:1]), recreate=True)
    assert plan_up(LAB, IMAGES, "s1", replace(UP, hosts=LOADED), recreate=False) == []
    left = replace(LAB, hosts=(N1,))
    access = {"ssh_config": texts.ssh_config(left), ".lab/known_hosts": texts.known_hosts(left, {"n1": "ssh-ed25519 KEY-n1"})}
    assert plan_up(left, IMAGES, "s1", replace(UP, hosts=LOADED[:1], texts=access), recreate=False) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"made_of": MadeOf({TREE: "t2", IMAGE: "i1"}, "c1")}, f"does not fit: {TREE} changed since"),
        ({"made_of": MadeOf({TREE: "t2", IMAGE: "i2"}, "c1")}, f"{IMAGE}, {TREE} changed since"),
        ({"seen": UP}, "is there already: n1, n2"),
        ({"seen": replace(UP, hosts=[LOADED[0], replace(LOADED[1], loaded="base-2222")])}, "is there already: n2"),
        ({"lab": replace(LAB, hosts=(N1,))}, "holds n1, n2; this lab is n1"),
    ],
)
def test_what_does_not_fit_is_refused(changed, said):
    with pytest.raises(Refused, match=said):
        load(**{"seen": NOTHING, **changed})


def test_choices_may_change_and_anything_may_with_a_word():
    assert load(NOTHING, made_of=replace(MADE_OF, choices="c2")) == load(NOTHING)
    assert load(NOTHING, made_of=MadeOf({TREE: "t2", IMAGE: "i2"}, "c1"), unlike=True) == load(NOTHING)
    with pytest.raises(Refused, match="holds n1, n2"):
        load(NOTHING, lab=replace(LAB, hosts=(N2,)), unlike=True)


def test_saves_are_told_apart_by_their_call():
    old, new = saved(card(N1), card(N2)), saved(card(N1, identifier="2222"), made=200)
    everything = saves_of([host for save in (*new, *old) for host in save.hosts.values()])
    assert [(save.key, save.complete) for save in everything] == [("base-2222", False), ("base-1111", True)]
    whole = current("base", everything)
    assert whole is not None
    assert (whole.key, whole.bytes) == ("base-1111", 20 << 20)
    assert pick("base", everything).key == "base-1111"


def test_a_save_that_was_never_finished_or_never_made():
    with pytest.raises(Refused, match="never finished: n2 is missing"):
        pick("base", saved(card(N1)))
    with pytest.raises(InputError, match="no such save: other") as caught:
        pick("other", [SAVE])
    assert caught.value.allowed == "base"


def save(seen: Seen, users: tuple[str, ...] = ()) -> list[tuple[Act, str]]:
    return [(step.act, step.subject) for step in plan_save(LAB, IMAGES, "s1", seen, "base", [SAVE], users)]


KEPT = [(act, node) for act in (Act.STOP_HOST, Act.SAVE_HOST, Act.RESUME_HOST) for node in ("n1", "n2")]


def test_save_stops_keeps_resumes_and_then_forgets_the_old():
    assert save(UP) == [*KEPT, (Act.FORGET_HOST, "base-1111.n1"), (Act.FORGET_HOST, "base-1111.n2")]
    assert save(UP, users=("base-1111",)) == KEPT
    stopped = replace(UP, hosts=[host(N1, state="exited", probe=None), host(N2)])
    assert save(stopped)[:2] == [(Act.START_HOST, "n1"), (Act.WRITE_ACCESS, "ssh_config")]


def test_only_a_whole_lab_is_saved():
    with pytest.raises(HostError, match="is not up: n2"):
        save(replace(UP, hosts=[host(N1)]))


def test_forget_removes_all_of_a_name_that_nobody_stands_on():
    saves = [SAVE, *saved(card(N1, identifier="2222")), *saved(card(N1, name="other"))]
    removed = [step.subject for step in plan_forget("base", saves, {})]
    assert removed == ["base-1111.n1", "base-1111.n2", "base-2222.n1"]
    with pytest.raises(Refused, match="lab small was loaded from it"):
        plan_forget("base", saves, {"base-1111": "small"})
    with pytest.raises(InputError, match="no such save"):
        plan_forget("gone", saves, {})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "x"}', '{"made_of": {}}', "7"])
def test_a_label_of_another_form_is_no_card(text):
    assert read_card(text) is None
    assert read_card(card(N1).text()) == card(N1)
