from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.lab import texts
from nodeops.lab.plan import PURGED, features, plan_down, plan_power, plan_up
from nodeops.lab.spec import HostSpec, Lab
from nodeops.lab.state import Act, Probe, Seen, SeenHost, SeenNetwork

N1 = HostSpec("n1", "172.30.91.11", "debian12", (("/var/log/ledger", 1 << 28),))
N2 = HostSpec("n2", "172.30.91.12", "debian13")
LAB = Lab("small", Path("/inventory"), "172.30.91.0/24", (N1, N2))
IMAGES = {"debian12": "nodeops-lab:debian12-aa", "debian13": "nodeops-lab:debian13-aa"}
KEY = "ssh-ed25519 AAAA lab small"
NETWORK = SeenNetwork("f" * 64, "nodeops-small", "small", ("172.30.91.0/24",))


def host(spec: HostSpec, **changed) -> SeenHost:
    probe = Probe("running", (), f"ssh-ed25519 KEY-{spec.name}", KEY)
    made = features(spec, IMAGES[spec.release], "s1")
    seen = SeenHost(
        f"id-{spec.name}", f"nodeops-small.{spec.name}", "small", spec.name, "running", made, "/inventory", True, probe
    )
    return replace(seen, **changed)


KEYS = {spec.name: f"ssh-ed25519 KEY-{spec.name}" for spec in LAB.hosts}
FILES = {"ssh_config": texts.ssh_config(LAB), ".lab/known_hosts": texts.known_hosts(LAB, KEYS), ".lab": ""}
NOTHING = Seen(images={}, public_key="")
ALL_UP = Seen(
    hosts=[host(N1), host(N2)],
    networks=[NETWORK],
    routes={"172.30.91.0/24": "br-ffffffffffff"},
    images={tag: {"small"} for tag in IMAGES.values()},
    texts=FILES,
    public_key=KEY,
)


def up(seen: Seen, recreate: bool = False) -> list[tuple[Act, str]]:
    return [(step.act, step.subject) for step in plan_up(LAB, IMAGES, "s1", seen, recreate)]


def test_from_nothing_everything_is_made():
    assert up(NOTHING) == [
        (Act.MAKE_KEY, "/inventory/.lab"),
        (Act.BUILD_IMAGE, "nodeops-lab:debian12-aa"),
        (Act.BUILD_IMAGE, "nodeops-lab:debian13-aa"),
        (Act.CREATE_NETWORK, "nodeops-small"),
        (Act.CREATE_HOST, "n1"),
        (Act.CREATE_HOST, "n2"),
        (Act.WRITE_ACCESS, "ssh_config"),
    ]


def test_what_is_up_is_left_alone():
    assert up(ALL_UP) == []


@pytest.mark.parametrize("state", ["exited", "created", "paused"])
def test_what_is_stopped_is_started(state):
    seen = replace(ALL_UP, hosts=[host(N1, state=state, probe=None), host(N2)])
    assert up(seen) == [(Act.START_HOST, "n1"), (Act.WRITE_ACCESS, "ssh_config")]


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        (replace(ALL_UP, texts={**FILES, "ssh_config": "edited"}), [(Act.WRITE_ACCESS, "ssh_config")]),
        (replace(ALL_UP, texts={**FILES, ".lab/known_hosts": ""}), [(Act.WRITE_ACCESS, "ssh_config")]),
        (
            replace(ALL_UP, texts={}, public_key=""),
            [(Act.MAKE_KEY, "/inventory/.lab"), (Act.AUTHORISE, "n1"), (Act.AUTHORISE, "n2"), (Act.WRITE_ACCESS, "ssh_config")],
        ),
        (replace(ALL_UP, public_key="another"), [(Act.AUTHORISE, "n1"), (Act.AUTHORISE, "n2")]),
    ],
)
def test_access_that_was_lost_is_given_again(seen, steps):
    assert up(seen) == steps


def test_new_hosts_lose_the_identity_of_their_forerunners():
    files = {**FILES, "identities/n1.yml": "", "identities/n2.yml": "", "genesis.json": "", "certificates/n1.pem": ""}
    one_new = replace(ALL_UP, hosts=[host(N1)], texts=files)
    assert (Act.REMOVE_FILE, "identities/n2.yml") in up(one_new)
    assert {subject for act, subject in up(one_new) if act is Act.REMOVE_FILE} == {"identities/n2.yml"}
    all_new = replace(ALL_UP, hosts=[], texts={**files, "revisions": ""})
    removed = {subject for act, subject in up(all_new) if act is Act.REMOVE_FILE}
    assert removed == {"identities/n1.yml", "identities/n2.yml", "genesis.json", "certificates/n1.pem", "revisions"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"features": {**host(N1).features, "image": "nodeops-lab:debian12-old"}}, "image is nodeops-lab:debian12-old"),
        ({"features": {**host(N1).features, "address": "172.30.91.99"}}, "address is 172.30.91.99, wanted 172.30.91.11"),
        ({"features": {**host(N1).features, "filesystems": ""}}, "filesystems is absent"),
        ({"features": {**host(N1).features, "settings": "s0"}}, "settings is s0"),
        ({"features": {}}, "image is absent"),
    ],
)
def test_a_host_that_no_longer_fits_is_made_anew_only_when_asked(changed, said):
    seen = replace(ALL_UP, hosts=[host(N1, **changed), host(N2)])
    with pytest.raises(Refused, match=said):
        up(seen)
    assert up(seen, recreate=True) == [(Act.REMOVE_HOST, "n1"), (Act.CREATE_HOST, "n1"), (Act.WRITE_ACCESS, "ssh_config")]


def test_a_changed_subnet_moves_every_host():
    seen = replace(ALL_UP, networks=[replace(NETWORK, subnets=("172.30.77.0/24",))], routes={})
    with pytest.raises(Refused, match="subnet changed"):
        up(seen)
    assert up(seen, recreate=True) == [
        (Act.REMOVE_HOST, "n1"),
        (Act.REMOVE_HOST, "n2"),
        (Act.REMOVE_NETWORK, "nodeops-small"),
        (Act.CREATE_NETWORK, "nodeops-small"),
        (Act.CREATE_HOST, "n1"),
        (Act.CREATE_HOST, "n2"),
        (Act.WRITE_ACCESS, "ssh_config"),
    ]


@pytest.mark.parametrize(
    "leftover",
    [{"state": "dead", "probe": None}, {"state": "removing", "probe": None}, {"folder": "/gone", "folder_is_lab": False}],
)
def test_leftovers_are_made_anew_without_being_asked(leftover):
    seen = replace(ALL_UP, hosts=[host(N1, **leftover), host(N2)])
    assert up(seen) == [(Act.REMOVE_HOST, "n1"), (Act.CREATE_HOST, "n1"), (Act.WRITE_ACCESS, "ssh_config")]


def test_a_host_that_left_the_consortium_is_left_as_it_is():
    gone = host(HostSpec("n3", "172.30.91.13", "debian12"))
    assert up(replace(ALL_UP, hosts=[*ALL_UP.hosts, gone])) == []


FOREIGN = SeenNetwork("a" * 64, "theirs", "", ("172.30.91.128/25",))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (replace(NOTHING, networks=[FOREIGN]), "Docker network theirs has 172.30.91.128/25"),
        (replace(NOTHING, networks=[replace(FOREIGN, lab="other", name="nodeops-other")]), "Docker network nodeops-other"),
        (replace(NOTHING, networks=[replace(FOREIGN, name="nodeops-small", subnets=())]), "exists and is not ours"),
        (replace(NOTHING, routes={"172.30.0.0/16": "eth0"}), "this machine reaches 172.30.0.0/16 through eth0"),
        (replace(NOTHING, routes={"172.30.91.0/24": "br-000000000000"}), "through br-000000000000"),
        (replace(NOTHING, foreign_names={"nodeops-small.n2"}), "a container named nodeops-small.n2 exists and is not ours"),
        (replace(NOTHING, networks=[replace(NETWORK, users={"172.30.91.12": "theirs"})]), "n2: address 172.30.91.12 is in use"),
        (replace(NOTHING, loop_devices=False), "no loop devices"),
    ],
)
def test_what_belongs_to_others_is_in_the_way_before_anything_is_made(seen, said):
    with pytest.raises(HostError, match=said):
        up(seen)


def test_networks_that_do_not_touch_ours_are_no_clash():
    others = [
        replace(FOREIGN, subnets=("172.17.0.0/16", "fd00::/64")),
        replace(FOREIGN, name="host", subnets=()),
    ]
    seen = replace(ALL_UP, networks=[NETWORK, *others], routes={**ALL_UP.routes, "192.0.2.0/24": "eth0"})
    assert up(seen) == []


OTHER_HOME = replace(ALL_UP, hosts=[host(N1, folder="/clone")])


def test_a_lab_of_another_folder_is_never_touched():
    for plan in (
        lambda: up(OTHER_HOME, recreate=True),
        lambda: plan_down("small", "/inventory", [], OTHER_HOME, False),
        lambda: plan_power(["n1"], OTHER_HOME, "/inventory", "small", Act.STOP_HOST),
    ):
        with pytest.raises(Refused, match="belongs to /clone"):
            plan()


def down(seen: Seen, purge: bool = False) -> list[tuple[Act, str]]:
    return [(step.act, step.subject) for step in plan_down("small", "/inventory", ["n1", "n2"], seen, purge)]


def test_down_removes_all_of_the_lab_and_nothing_else():
    files = {**FILES, "genesis.json": "", "identities/n1.yml": "", "identities/stranger.yml": ""}
    seen = replace(ALL_UP, texts=files, networks=[NETWORK, FOREIGN], foreign_names={"theirs"})
    assert down(seen) == [
        (Act.REMOVE_HOST, "n1"),
        (Act.REMOVE_HOST, "n2"),
        (Act.REMOVE_NETWORK, "nodeops-small"),
        (Act.REMOVE_FILE, "ssh_config"),
        (Act.REMOVE_FILE, ".lab"),
        (Act.REMOVE_FILE, "genesis.json"),
        (Act.REMOVE_FILE, "identities/n1.yml"),
    ]


def test_down_where_nothing_is_up_does_nothing():
    assert down(NOTHING) == []


def test_purge_leaves_images_that_other_labs_use():
    seen = replace(NOTHING, images={"nodeops-lab:a": {"small"}, "nodeops-lab:b": {"small", "other"}, "nodeops-lab-base:a": set()})
    assert down(seen, purge=True) == [(Act.REMOVE_IMAGE, "nodeops-lab-base:a"), (Act.REMOVE_IMAGE, "nodeops-lab:a")]


def test_the_package_cache_comes_with_the_first_lab_and_goes_with_the_last():
    assert up(replace(ALL_UP, cache_lacks=True)) == [(Act.START_CACHE, "")]
    last = replace(ALL_UP, cache_idle=True)
    assert (Act.STOP_CACHE, "") in down(last)
    assert [step.why for step in plan_down("small", "/inventory", [], last, True) if step.act is Act.STOP_CACHE] == [PURGED]


def power(nodes: list[str], seen: Seen, act: Act) -> list[str]:
    return [step.subject for step in plan_power(nodes, seen, "/inventory", "small", act)]


def test_power_is_cut_and_given_once():
    stopped = replace(ALL_UP, hosts=[host(N1, state="exited"), host(N2)])
    assert power(["n1", "n2", "n2"], stopped, Act.STOP_HOST) == ["n2"]
    assert power(["n1", "n2"], stopped, Act.START_HOST) == ["n1"]


def test_power_of_a_host_that_is_not_there():
    with pytest.raises(InputError, match="no such host: n9") as caught:
        power(["n1", "n9"], ALL_UP, Act.STOP_HOST)
    assert caught.value.allowed == "n1, n2"
    with pytest.raises(HostError, match="never finished"):
        power(["n1"], replace(ALL_UP, hosts=[host(N1, state="created")]), Act.START_HOST)
