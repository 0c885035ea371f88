"""How ports of a scenario's hosts answer new connections, asked from any address of its network."""

import json
from collections.abc import Sequence

import hosts
from engine import container, docker

_KNOCK = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def knock(end):
    address, port = end.rsplit(":", 1)
    try:
        socket.create_connection((address, int(port)), 1.5).close()
        return "open"
    except ConnectionRefusedError:
        return "closed"
    except OSError:
        return "filtered"

# What is filtered says nothing for so long: all at once.
with ThreadPoolExecutor(32) as pool:
    print(json.dumps(dict(zip(sys.argv[1:], pool.map(knock, sys.argv[1:])))))
"""


def knock_from_address(address: str, ends: Sequence[str]) -> dict[str, str]:
    """Return how each `address:port` answers a new connection from a throw-away container at an address."""
    image = docker("inspect", "--format", "{{.Image}}", container(hosts.NODES[0]))
    where = ["--rm", "--label", f"nodeops.lab={hosts.LAB}", "--network", f"nodeops-{hosts.LAB}", "--ip", address]
    found: dict[str, str] = json.loads(docker("run", *where, "--entrypoint", "python3", image, "-c", _KNOCK, *ends))
    return found


def knock_from_host(node: str, ends: Sequence[str]) -> dict[str, str]:
    """Return how each `address:port` answers a new connection from a host of the lab."""
    found: dict[str, str] = json.loads(docker("exec", container(node), "python3", "-c", _KNOCK, *ends))
    return found
