"""A small repository of packages on every host, in a suite of security patches: its packages do what a test asks for."""

import json
from dataclasses import dataclass, field

import hosts

# Given to each host's Python: packages as JSON. A version that is published replaces the one before it.
BUILD = """
import hashlib, json, pathlib, shutil, subprocess, sys
place = pathlib.Path("/srv/lab-repository")
place.mkdir(exist_ok=True)
for one in json.loads(sys.argv[1]):
    for old in place.glob(one["name"] + "_*"):
        old.unlink()
    built = pathlib.Path("/tmp/lab-build")
    shutil.rmtree(built, ignore_errors=True)
    (built / "DEBIAN").mkdir(parents=True)
    for path, text in one["files"].items():
        file = built / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pathlib.Path("/bin/sleep").read_bytes() + text.encode() if text.startswith("PROGRAM") else text.encode())
        file.chmod(0o755 if text.startswith("PROGRAM") else 0o644)
    head = {"Package": one["name"], "Version": one["version"], "Architecture": "amd64", "Maintainer": "lab <lab@lab>"}
    control = "".join(f"{key}: {value}\\n" for key, value in {**head, "Installed-Size": "100", "Description": "lab"}.items())
    (built / "DEBIAN/control").write_text(control)
    if one["postinst"]:
        (built / "DEBIAN/postinst").write_text("#!/bin/sh\\nset -e\\n" + one["postinst"] + "\\n")
        (built / "DEBIAN/postinst").chmod(0o755)
    deb = place / f"{one['name']}_{one['version']}.deb"
    subprocess.run(["dpkg-deb", "--build", built, deb], check=True, capture_output=True)
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    stanza = f"{control}Filename: ./{deb.name}\\nSize: {deb.stat().st_size}\\nSHA256: {digest}\\n\\n"
    deb.with_suffix(".deb.txt").write_text(stanza)
packages = "".join(file.read_text() for file in sorted(place.glob("*.txt")))
(place / "Packages").write_text(packages)
row = f" {hashlib.sha256(packages.encode()).hexdigest()} {len(packages.encode())} Packages"
(place / "Release").write_text(f"Label: Lab\\nSuite: lab-security\\nCodename: lab\\nSHA256:\\n{row}\\n")
pathlib.Path("/etc/apt/sources.list.d/lab.list").write_text(f"deb [trusted=yes] file:{place} ./\\n")
"""
# Prints name=version of one installed package whose newest version is a patch of security, and that can be set back to the
# version before it alone: what is a patch today may be part of the release tomorrow, so it is looked for.
OLDER = """
import re, subprocess
def said(*argv):
    return subprocess.run(argv, capture_output=True, text=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/bin"})
names = said("dpkg-query", "-W", "-f", "${Package} ").stdout.split()
found = {}
for line in said("apt-cache", "madison", *names).stdout.splitlines():
    name, version, source = (part.strip() for part in line.split("|"))
    found.setdefault(name, {}).setdefault(version, set()).add(source)
for name, versions in sorted(found.items(), key=lambda row: (not row[0].startswith("lib"), row[0])):
    (newest, sources), *others = versions.items()
    if not others or not all("-security" in source for source in sources):
        continue
    plan = said("apt-get", "-s", "-y", "--allow-downgrades", "install", f"{name}={others[0][0]}")
    moved = re.findall(r"^(?:Inst|Remv) (\\S+)", plan.stdout, re.M)
    if plan.returncode == 0 and moved == [name] and "DOWNGRADED" in plan.stdout:
        print(f"{name}={others[0][0]}")
        break
"""


@dataclass(frozen=True)
class Package:
    """A package: its files by path (a text that begins with PROGRAM makes a program that sleeps), and what installing it does."""

    name: str
    version: str
    files: dict[str, str] = field(default_factory=dict)
    postinst: str = ""


def publish(node: str, *packages: Package) -> None:
    """Put packages into a host's repository, and refresh its lists."""
    hosts.script(node, BUILD, json.dumps([vars(one) for one in packages]))
    hosts.must(node, hosts.unlocked(hosts.REFRESH))


def set_back(node: str) -> str:
    """Install the version before the newest patch of security of one of Debian's packages; return the package's name."""
    pin = str(hosts.script(node, OLDER)).strip()
    assert "=" in pin, f"{node}: Debian has no patch of security that could be taken back"
    hosts.must(node, hosts.unlocked(f"DEBIAN_FRONTEND=noninteractive apt-get -qq -y --allow-downgrades install {pin}"))
    return pin.partition("=")[0]


def version(node: str, package: str) -> str:
    """Return the installed version of a package, and its state where it is not whole."""
    said = str(hosts.must(node, f"dpkg-query -W -f '${{Version}} ${{db:Status-Status}}' {package}")).split()
    return said[0] if said[1] == "installed" else " ".join(said)
