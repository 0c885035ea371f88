"""The package cache: hosts use it while it answers, their mirror when it does not, and believe it nothing."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import docker
import pytest

from nodeops.lab.engine.engine import HOME
from nodeops.lab.lock import lock
from nodeops.lab.packages import cache as packages
from tests.lab.conftest import LabHosts

CACHE, NODE = "nodeops-packages", "t-1"
HELD = "/var/cache/apt-cacher-ng"
# Small, and nothing of ours needs it.
PACKAGE = "hello"


@pytest.fixture(scope="module")
def lab(lab_of: Callable[..., LabHosts]) -> LabHosts:
    return lab_of("packages", "172.30.94", ("debian12",))


@pytest.fixture(scope="module")
def cache(lab: LabHosts) -> Iterator[docker.models.containers.Container]:
    # A lab that went down while this one came up found no other, and took the cache along; from here on it stays.
    lab.answer("lab", "up")
    client = docker.from_env()
    yield client.containers.get(CACHE)
    client.close()


def said(lab: LabHosts, line: str) -> str:
    done = lab.ssh(NODE, line)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def inside(cache: docker.models.containers.Container, line: str) -> str:
    code, output = cache.exec_run(["sh", "-c", line])
    assert code == 0, output
    return str(output.decode()).strip()


def test_the_cache_is_nobody_and_may_nothing(cache):
    assert inside(cache, "id -un; grep -E '^(CapBnd|NoNewPrivs):' /proc/1/status").split() == [
        "apt-cacher-ng",
        *("CapBnd:", "0000000000000000", "NoNewPrivs:", "1"),
    ]


def test_packages_come_through_the_cache(lab, cache):
    assert said(lab, "/usr/local/sbin/lab-packages").startswith("http://")
    said(lab, f"sudo apt-get -qq update && sudo apt-get install -qq --download-only {PACKAGE} && sudo apt-get clean")
    assert inside(cache, f"find {HELD} -name '{PACKAGE}_*.deb'")


def test_a_cache_that_lies_is_not_believed(lab, cache):
    lie = "printf lie | dd of={} conv=notrunc bs=1 seek=9000 2>/dev/null"
    inside(cache, f"find {HELD} -name '{PACKAGE}_*.deb' -exec sh -c '{lie}' ';'")
    done = lab.ssh(NODE, f"sudo apt-get install -y {PACKAGE}")
    inside(cache, f"find {HELD} -name '{PACKAGE}_*' -delete")
    assert done.returncode != 0
    assert "Hash Sum mismatch" in done.stderr
    assert lab.ssh(NODE, f"dpkg-query -W {PACKAGE}").returncode != 0


def stopped(lab, cache):
    """Return what `up` would change while the cache is stopped; hosts ask their mirror."""
    cache.stop(timeout=5)
    assert said(lab, "/usr/local/sbin/lab-packages") == "DIRECT"
    said(lab, f"sudo apt-get install -qq -y {PACKAGE}")
    return lab.answer("lab", "up", "--dry-run")["changes"]


def test_without_the_cache_hosts_ask_their_mirror_and_up_brings_it_back(lab, cache):
    # A lab that comes up beside this one would bring it back meanwhile; it waits for whoever holds this.
    with lock("packages"):
        planned = stopped(lab, cache)
    assert [change["what"] for change in planned] == ["package cache"]
    lab.answer("lab", "up")
    assert said(lab, "/usr/local/sbin/lab-packages").startswith("http://")


def test_two_labs_that_come_up_at_once_start_one_cache(cache):
    client = cache.client
    where = packages.address(client)
    packages.remove(client)
    begun = time.time_ns()
    with ThreadPoolExecutor(2) as pool:
        wrong = list(pool.map(lambda _: packages.ensure(client, where, lambda _: None, HOME), range(2)))
    seen = {"type": "container", "event": "create", "container": CACHE}
    events = client.events(since=begun // 10**9, until=int(time.time()) + 1, filters=seen, decode=True)
    made = [event for event in events if event["timeNano"] > begun]
    assert (wrong, len(made), packages.answers(where)) == (["", ""], 1, True)
