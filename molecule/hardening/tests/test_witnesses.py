"""What judges that are not ours say of hardened hosts, and what they said of stock ones. Reports: build/witnesses."""

from typing import Any

import pytest
import remote
import witnesses
from conftest import verdicts
from tier import FULL

pytestmark = pytest.mark.usefixtures("log_host")
RELEASES = sorted({remote.RELEASE[node] for node in remote.NODES})
# Of every hundred rules that a container can show; what it cannot is counted too, and shown beside it.
PROFILES = {"minimal": 100.0, "intermediary": 95.0, "enhanced": 90.0} if FULL else {"enhanced": 90.0}


@pytest.fixture(scope="module")
def after() -> dict[str, Any]:
    remote.at_once(witnesses.run_hourly_job, remote.NODES)
    measured = remote.at_once(lambda node: witnesses.measure(node, "after"), remote.NODES)
    return {remote.RELEASE[node]: figures for node, figures in measured.items()}


def stock(release: str) -> dict[str, Any]:
    """Return what was said before anything of ours was there."""
    return witnesses.figures(release, witnesses.STOCK)


@pytest.mark.parametrize("release", RELEASES)
def test_lynis(after: dict[str, Any], release: str) -> None:
    found = after[release]["lynis"]
    # A point less where the machine has a USB disk or the like, which stays in use (packages.usbguard-kept).
    (node,) = (node for node in remote.NODES if remote.RELEASE[node] == release)
    least = 91 - (verdicts(node, "packages.usbguard-kept")["packages.usbguard-kept"] != "not_applicable")
    assert found["index"] >= least, (found["index_here"], found["suggestions"])
    if FULL:
        assert found["index"] >= stock(release)["lynis"]["index"] + 25


@pytest.mark.parametrize("profile", PROFILES)
def test_openscap_on_debian_12(after: dict[str, Any], profile: str) -> None:
    found = after["debian12"]["openscap"][profile]
    if FULL:
        assert found["passed"] > stock("debian12")["openscap"][profile]["passed"]
    assert found["percent_here"] >= PROFILES[profile], (found["percent"], found["failing"])


def test_openscap_has_no_content_for_debian_13(after: dict[str, Any]) -> None:
    assert after["debian13"]["openscap"] == witnesses.NO_CONTENT


@pytest.mark.parametrize("release", RELEASES)
def test_the_ssh_server_passes_the_policy_of_ssh_audit(after: dict[str, Any], release: str) -> None:
    assert not stock(release)["ssh_audit"]["passed"]
    assert after[release]["ssh_audit"]["passed"], after[release]["ssh_audit"]


@pytest.mark.parametrize("release", RELEASES)
def test_the_ledger_is_hardly_exposed(after: dict[str, Any], release: str) -> None:
    assert after[release]["exposure"]["ledger.service"] <= 1.5


# apt changes its user, and every process's files are looked at.
MORE = {"nodeops-patch.service": 3.0}


@pytest.mark.parametrize("release", RELEASES)
def test_no_unit_of_ours_is_exposed(after: dict[str, Any], release: str) -> None:
    ours = {unit: value for unit, value in after[release]["exposure"].items() if unit.startswith(("nodeops", "ledger"))}
    assert len(ours) >= 2, ours
    assert {unit: value for unit, value in ours.items() if value > MORE.get(unit, 2.5)} == {}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("unit", witnesses.OTHERS)
def test_ssh_and_cron_are_less_exposed_than_stock(after: dict[str, Any], release: str, unit: str) -> None:
    assert after[release]["exposure"][unit] < stock(release)["exposure"][unit]
