"""Judges that are not ours: Lynis, OpenSCAP, ssh-audit and systemd, run on a host; their reports are kept under build/."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import judgements
import remote
import ssh_audit
from hosts import REFRESH, unlocked
from tier import FULL

# systemd has no opinion about a unit that is a template or a generator's; ours and these are what the issue is about.
OTHERS = ("ssh.service", "cron.service")
_KEPT = "/opt/witness"
# Debian 12 has no content for OpenSCAP and Debian 13 has content for Debian 12 only: it is carried over.
_CONTENT = "ssg-debian=0.1.76-1"
_OPENSCAP_SECONDS = 180
_STREAM = "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml"
# Each holds the rules of those before it.
_PROFILES = ("minimal", "intermediary", "enhanced", "high") if FULL else ("enhanced",)
_POLICIES = {"debian12": "Hardened Debian 12 (version 3)", "debian13": "Hardened Debian 13 (version 1)"}
# When nothing of ours was there yet. Lynis and OpenSCAP, half a minute of a processor each, judge stock hosts in full only.
STOCK = "before"
NO_CONTENT = "no content for Debian 13 yet (ssg-debian 0.1.76 ends with Debian 12)"


def install(node: str) -> None:
    """Put the witnesses on a host. None of them is anything that one of them judges."""
    packages = ["lynis"] + (["openscap-scanner"] if remote.RELEASE[node] == "debian12" else [])
    get = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install"
    remote.must(node, unlocked(f"{REFRESH} && {get} {' '.join(packages)}") + f" && install -d -m 0755 {_KEPT}")
    _install_ssh_audit(node)


def _install_ssh_audit(node: str) -> None:
    """Run it on the host itself: sshd of Debian 13 shuts out for a while whoever connects as often and as oddly as it does."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file in sorted(Path(ssh_audit.__file__).parent.glob("*.py")):
            archive.add(file, f"ssh_audit/{file.name}")
    remote.must(node, f"tar -x -C {_KEPT} --no-same-owner", given=packed.getvalue())


def install_content(newer: str, older: str) -> None:
    """Fetch the content for OpenSCAP on a Debian 13 host, whose archive signs it, and put it on a Debian 12 host."""
    remote.must(newer, f"cd {_KEPT} && apt-get -qq download {_CONTENT} && dpkg-deb --fsys-tarfile ssg-debian_*.deb >ssg.tar")
    packed = remote.ssh(newer, f"sudo cat {_KEPT}/ssg.tar")
    assert packed.returncode == 0
    remote.must(older, f"tar -x -C {_KEPT} --no-same-owner ./{_STREAM}", given=packed.stdout)


def run_hourly_job(node: str) -> None:
    """Do what cron would within an hour: build the database of AIDE. Where cron does so just now, it is waited for."""
    rest = "while pgrep -x aide >/dev/null; do sleep 1; done"
    build = r"sed -n 's/^17 \* \* \* \* root //p' /etc/cron.d/nodeops-aide | sh"
    there = "for _ in $(seq 60); do test -s /var/lib/aide/aide.db && exit; sleep 1; done; exit 1"
    remote.must(node, f"{rest}; {build}; {rest}; {there}")


def measure(node: str, when: str) -> dict[str, Any]:
    """Let every witness judge a host; keep reports and figures in build/witnesses/<release>/ and return the figures."""
    release = remote.RELEASE[node]
    folder = remote.BUILD / release / when
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"release": release, "when": when, "ssh_audit": _ssh_audit(node, folder), "exposure": _exposure(node, folder)}
    if FULL or when != STOCK:
        figures["lynis"] = _lynis(node, folder)
        figures["openscap"] = _openscap(node, folder) if release == "debian12" else NO_CONTENT
    (folder.parent / f"{when}.json").write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return figures


def figures(release: str, when: str) -> dict[str, Any]:
    """Return what was measured before."""
    found: dict[str, Any] = json.loads((remote.BUILD / release / f"{when}.json").read_text(encoding="utf-8"))
    return found


def _lynis(node: str, folder: Path) -> dict[str, Any]:
    files = "--report-file /run/lynis.dat --logfile /run/lynis.log"
    screen = remote.must(node, f"lynis audit system --quick --no-colors {files}; test -s /run/lynis.dat")
    report = remote.must(node, "cat /run/lynis.dat")
    log = remote.must(node, "cat /run/lynis.log")
    texts = {"lynis.txt": screen, "lynis-report.dat": report, "lynis.log": log}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    remote.must(node, "rm /run/lynis.dat /run/lynis.log")
    return {**judgements.lynis(report), "index_here": judgements.lynis_here(log)}


def _openscap(node: str, folder: Path) -> dict[str, Any]:
    found = {}
    for profile in _PROFILES:
        wanted = f"xccdf_org.ssgproject.content_profile_anssi_bp28_{profile}"
        # It ends with 2 when a rule fails, and now and then by a fault of its library (139), or never: then it is asked again.
        bounded = f"timeout --kill-after 5 {_OPENSCAP_SECONDS}"
        words = f"{bounded} oscap xccdf eval --profile {wanted} --report oscap.html {_KEPT}/{_STREAM} >oscap.txt"
        again = f"for try in 1 2 3; do {words}; code=$?; case $code in 124|137|139) ;; *) break ;; esac; done"
        judge = f"cd /run && {again}; test $code -le 2 || exit $code; cat oscap.txt && rm oscap.txt"
        said = remote.must(node, f"({judge}) 2>/dev/null")
        (folder / f"openscap-{profile}.txt").write_text(said, encoding="utf-8")
        (folder / f"openscap-{profile}.html").write_text(remote.must(node, "cat /run/oscap.html && rm /run/oscap.html"))
        found[profile] = judgements.openscap(said)
    return found


def _ssh_audit(node: str, folder: Path) -> dict[str, Any]:
    policy = _POLICIES[remote.RELEASE[node]]
    words = f'-j -P "{policy}" {remote.ADDRESS[node]}'
    said = remote.run(node, f"cd /run && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={_KEPT} python3 -m ssh_audit {words}")
    (folder / "ssh-audit.json").write_text(said.out, encoding="utf-8")
    return judgements.ssh_audit(json.loads(said.out))


def _exposure(node: str, folder: Path) -> dict[str, float]:
    ours = "$(systemctl list-unit-files --no-legend 'nodeops*.service' 'ledger*.service' | cut -d ' ' -f 1 | grep -v @)"
    table = remote.must(node, "systemd-analyze security --no-pager")
    # A unit that is not loaded stands in no table; it must be asked for.
    each = f'for unit in {ours}; do systemd-analyze security --no-pager $unit | tail -n 1 | sed "s/^/$unit /"; done'
    asked = remote.must(node, each)
    (folder / "exposure.txt").write_text(table + asked, encoding="utf-8")
    return judgements.exposures(table) | judgements.exposures_asked(asked)
