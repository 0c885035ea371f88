"""A Debian of a test's own: a root folder with the real apt and dpkg, and a mirror."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from nodeops.host import packages

_CONFIGURATION = """
Dir "{root}"; Dir::State::status "{root}/var/lib/dpkg/status"; Dir::Etc "etc/apt"; APT::Architecture "amd64";
Dpkg::Options {{ "--root={root}"; "--force-not-root"; }}; APT::Sandbox::User "root"; Dir::Log "var/log/apt";
"""


class Debian:
    """A root folder with apt and dpkg, and a mirror."""

    def __init__(self, root: Path) -> None:
        self.root, self.mirror = root / "root", root / "mirror"
        for name in ("etc/apt", "var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/apt/lists/partial", "var/log/apt"):
            (self.root / name).mkdir(parents=True)
        for name in ("var/cache/apt/archives/partial", "etc/apt/preferences.d", "etc/apt/apt.conf.d", "etc/apt/trusted.gpg.d"):
            (self.root / name).mkdir(parents=True)
        for name in ("status", "available", "lock", "lock-frontend"):
            (self.root / "var/lib/dpkg" / name).touch()
        self.mirror.mkdir()
        (self.root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{self.mirror} ./\n")
        (root / "apt.conf").write_text(_CONFIGURATION.format(root=self.root))

    def publish(self, name: str, version: str = "1", **fields: str) -> None:
        """Put a package on the mirror, in place of any other version of it."""
        for old in self.mirror.glob(f"{name}_*.deb*"):
            old.unlink()
        built = self.root.parent / f"build-{name}"
        shutil.rmtree(built, ignore_errors=True)
        (built / "DEBIAN").mkdir(parents=True)
        head = {"Package": name, "Version": version, "Architecture": "all", "Maintainer": "t <t@example>", "Description": name}
        control = "".join(f"{key}: {value}\n" for key, value in {**head, **fields}.items())
        (built / "DEBIAN/control").write_text(control)
        deb = self.mirror / f"{name}_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--build", built, deb], check=True, capture_output=True)
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        deb.with_suffix(".deb.txt").write_text(
            f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n\n"
        )
        (self.mirror / "Packages").write_text("".join(each.read_text() for each in sorted(self.mirror.glob("*.txt"))))

    @property
    def installed(self) -> set[str]:
        return {name for name, (_, state) in packages._states().items() if state == "installed"}
