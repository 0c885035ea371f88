"""The package cache on the engine: made, found, removed. Where it cannot run, hosts fetch from their mirror as ever."""

import ipaddress
import socket
from contextlib import suppress
from importlib import resources

import docker
from docker.errors import NotFound
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from nodeops.core.digest import sha256
from nodeops.core.errors import NodeopsError
from nodeops.lab.engine.engine import EngineHome, Say, explained
from nodeops.lab.engine.images import REPOSITORY, build_image
from nodeops.lab.lock import lock

NAME = "nodeops-packages"
IMAGE = f"{REPOSITORY}:packages-"
PORT = 3142
_RELEASE = "debian12"
_FOLDER = "/var/cache/apt-cacher-ng"
_START_SECONDS = 20
_ANSWER_SECONDS = 1


def address(client: docker.DockerClient) -> str:
    """Return where hosts of every lab, and nobody beyond this machine, reach the cache: this machine on the engine's own bridge.

    Empty where the engine has no such bridge.
    """
    with explained("networks cannot be listed"):
        rows = [row for row in client.api.networks(names=["bridge"]) if row["Name"] == "bridge"]
    pools = [pool for row in rows for pool in (row.get("IPAM") or {}).get("Config") or () if ":" not in pool.get("Subnet", ":")]
    if not pools:
        return ""
    return f"{pools[0].get('Gateway') or ipaddress.IPv4Network(pools[0]['Subnet'])[1]}:{PORT}"


def answers(where: str) -> bool:
    """Tell whether a cache answers at an address."""
    try:
        socket.create_connection((where.partition(":")[0], PORT), _ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def ensure(client: docker.DockerClient, where: str, say: Say, home: EngineHome) -> str:
    """Start the cache, and return what is wrong when that is not possible: a lab comes up without it, too."""
    say("package cache: starting")
    try:
        # Two labs that come up at once want one cache: the second finds what the first has started.
        with lock("packages"):
            if not answers(where):
                _start(client, where, say, home)
    except RetryError:
        return f"does not answer at {where}: docker logs {NAME}"
    except NodeopsError as error:
        return str(error)
    return ""


def _start(client: docker.DockerClient, where: str, say: Say, home: EngineHome) -> None:
    dockerfile = (resources.files("nodeops.lab.packages") / "Dockerfile").read_bytes()
    tag = build_image(_RELEASE, f"{IMAGE}{sha256(dockerfile)[:12]}", {"Dockerfile": dockerfile}, say, home)
    remove(client)
    with explained("the package cache cannot be started"):
        client.containers.run(
            tag,
            [f"BindAddress={where.partition(':')[0]}"],
            name=NAME,
            detach=True,
            network_mode="host",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            volumes={NAME: {"bind": _FOLDER, "mode": "rw"}},
        )
    Retrying(retry=retry_if_result(lambda up: not up), stop=stop_after_delay(_START_SECONDS), wait=wait_fixed(0.1))(
        answers, where
    )


def remove(client: docker.DockerClient, with_packages: bool = False) -> None:
    """Remove the cache, and what it holds if that is asked for; what is already gone is no fault."""
    with explained("the package cache cannot be removed"):
        with suppress(NotFound):
            client.api.remove_container(NAME, force=True)
        with suppress(NotFound):
            if with_packages:
                client.api.remove_volume(NAME)
