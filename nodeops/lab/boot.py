"""From a started container to a host that can be worked with: systemd has booted and SSH answers."""

import socket

import docker
from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Timeout
from nodeops.lab import containers
from nodeops.lab.engine.engine import explained
from nodeops.lab.state import Probe, SeenHost, container_name

# Seven hosts may boot at once on two cores that have other work.
_BOOT_SECONDS = 300
_SSH_SECONDS = 60
_SSH_PORT = 22
_BOOTED = ("running", "degraded", "maintenance")
_LOG_LINES = 10


def start(client: docker.DockerClient, host: SeenHost, public_key: str, must_be_well: bool = False) -> Probe:
    """Start a host and return what it says once it has booted and its SSH server answers.

    Raise HostError when it cannot be reached at all, or when it must be well and a unit failed; Timeout.
    """
    if public_key:
        containers.authorise(client, host.id, public_key)
    containers.start(client, host)
    said = booted(client, host)
    check_ready(host.lab, host.node, host.features["address"], said, must_be_well)
    return said


def check_ready(lab: str, node: str, address: str, said: Probe, must_be_well: bool = False) -> None:
    """Make sure that a booted host can be worked with. Raise HostError that names failed units, Timeout without SSH."""
    if said.state == "maintenance" or (must_be_well and said.failed):
        hint = f"docker exec {container_name(lab, node)} systemctl --failed"
        raise HostError(unwell(said), where=f"host {node}", hint=hint)
    await_ssh(node, address)


def unwell(probe: Probe) -> str:
    """Return what is wrong with a host that is not running as it should."""
    return f"systemd is {probe.state}; failed units: {', '.join(probe.failed) or 'none named'}"


def booted(client: docker.DockerClient, host: SeenHost) -> Probe:
    """Return what a running host says once systemd has finished booting, well or not. Raise HostError, Timeout."""

    def ask() -> Probe:
        _still_there(client, host)
        return containers.probe(client, host.id)

    try:
        booting = retry_if_result(lambda said: said.state not in _BOOTED)
        return Retrying(retry=booting, stop=stop_after_delay(_BOOT_SECONDS), wait=wait_fixed(0.1))(ask)
    except RetryError as error:
        state = error.last_attempt.result().state
        raise Timeout(f"did not boot within {_BOOT_SECONDS} s: systemd is {state}", where=f"host {host.node}") from error


def _still_there(client: docker.DockerClient, host: SeenHost) -> None:
    with explained(f"host {host.node} cannot be looked at"):
        state = client.api.inspect_container(host.id)["State"]
        if not state["Running"]:
            said = client.api.logs(host.id, tail=_LOG_LINES).decode(errors="replace").strip()
            raise HostError(
                f"stopped while booting (code {state['ExitCode']}): {said or 'nothing was said'}", where=f"host {host.node}"
            )


def await_ssh(node: str, address: str) -> None:
    """Wait until an SSH server answers at an address. Raise Timeout when none does."""
    try:
        no_answer = retry_if_exception_type(OSError)
        Retrying(retry=no_answer, stop=stop_after_delay(_SSH_SECONDS), wait=wait_fixed(0.1))(_greeted, address)
    except RetryError as error:
        reason = error.last_attempt.exception()
        hint = "its SSH server must run, and the engine must be on this machine"
        raise Timeout(f"SSH does not answer at {address}: {reason}", where=f"host {node}", hint=hint) from error


def _greeted(address: str) -> None:
    with socket.create_connection((address, _SSH_PORT), timeout=2) as link:
        if not link.recv(64).startswith(b"SSH-2.0-"):
            raise ConnectionError("what answers is not an SSH server")
