"""Images of lab hosts: a bare Debian from a registry or made here, then one Dockerfile; cached under the digest of both."""

import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from urllib3.exceptions import HTTPError

from nodeops.core.digest import digest, sha256
from nodeops.core.errors import HostError
from nodeops.host.command import run
from nodeops.lab.engine import debian
from nodeops.lab.engine.engine import EngineHome, Say, connect, explained
from nodeops.lab.lock import lock
from nodeops.lab.spec import SUITES

REPOSITORY = "nodeops-lab"
BASE_REPOSITORY = "nodeops-lab-base"
# Everything the Dockerfile copies, with the mode it has in the image.
_CONTEXT = {
    "Dockerfile": 0o644,
    "apt.conf": 0o644,
    "lab-packages": 0o755,
    "lab-init": 0o755,
    "lab-pack": 0o755,
    "sshd.conf": 0o644,
    "sudoers": 0o440,
}
# A registry that does not say a word for so long is not there; one that sends layers says something all the time.
_REGISTRY_SECONDS = 3
_BOOTSTRAP_SECONDS = 600
_BUILD_SECONDS = 900
_LAST_LINES = 12


def context() -> dict[str, bytes]:
    """Return the files an image is built from."""
    folder = resources.files("nodeops.lab") / "image"
    return {name: (folder / name).read_bytes() for name in _CONTEXT}


def image_tag(release: str, files: Mapping[str, bytes]) -> str:
    """Return the tag of a release's image: a changed Dockerfile is another image."""
    return f"{REPOSITORY}:{release}-{digest({name: sha256(data) for name, data in files.items()})[:12]}"


def image_tags() -> dict[str, str]:
    """Return release -> tag for every release a lab can have."""
    files = context()
    return {release: image_tag(release, files) for release in SUITES}


def our_images(client: docker.DockerClient) -> list[str]:
    """Return the tags of all images this room ever made on this engine."""
    with explained("images cannot be listed"):
        tags = [tag for image in client.api.images() for tag in image.get("RepoTags") or ()]
    return [tag for tag in tags if tag.partition(":")[0] in (REPOSITORY, BASE_REPOSITORY)]


def ensure_image(release: str, say: Say, home: EngineHome) -> str:
    """Build the image of a release unless it is there, and return its tag. Raise HostError with the end of the build's log."""
    files = context()
    return build_image(release, image_tag(release, files), files, say, home)


def build_image(release: str, tag: str, files: Mapping[str, bytes], say: Say, home: EngineHome) -> str:
    """Build an image from files on top of the bare Debian of a release unless it is there, and return its tag."""
    with lock(f"image-{release}"):
        client = connect(home, _BUILD_SECONDS)
        with explained(f"image {tag} cannot be built"):
            if not _exists(client, tag):
                base = _ensure_base(client, release, say, home)
                _build(client, base, tag, files, say)
    return tag


def _exists(client: docker.DockerClient, tag: str) -> bool:
    return bool(client.api.images(name=tag))


def _ensure_base(client: docker.DockerClient, release: str, say: Say, home: EngineHome) -> str:
    tag = f"{BASE_REPOSITORY}:{release}"
    if not _exists(client, tag) and not _pull(client, SUITES[release], tag, say, home):
        _bootstrap(client, SUITES[release], tag, say)
    return tag


def _pull(client: docker.DockerClient, suite: str, tag: str, say: Say, home: EngineHome) -> bool:
    """Take Debian's image from a registry. Return False when there is none; that is usual, and not worth a word."""
    name = f"debian:{suite}-slim"
    before = _exists(client, name)
    say(f"{suite}: asking a registry")
    try:
        for event in connect(home, _REGISTRY_SECONDS).api.pull("debian", tag=f"{suite}-slim", stream=True, decode=True):
            if "error" in event:
                return False
        repository, _, short = tag.partition(":")
        client.api.tag(name, repository, tag=short)
    except (DockerException, HTTPError, OSError):
        return False
    if not before:
        client.api.remove_image(name)
    return True


def _bootstrap(client: docker.DockerClient, suite: str, tag: str, say: Say) -> None:
    """Make a bare Debian from its packages, without any registry."""
    if not debian.has("mmdebstrap"):
        say("installing mmdebstrap")
        debian.install(["mmdebstrap", "debian-archive-keyring"], "a base image")
    if not debian.is_root():
        raise HostError("a base image can only be made by root", where=suite, hint="run once as root: nodeops lab up")
    say(f"{suite}: bare Debian from its packages (first time, about 15 s)")
    with tempfile.TemporaryDirectory(prefix="nodeops-lab-") as folder:
        archive = Path(folder) / "base.tar"
        run(["mmdebstrap", "--variant=minbase", suite, archive], timeout_seconds=_BOOTSTRAP_SECONDS)
        repository, _, name = tag.partition(":")
        client.api.import_image_from_file(str(archive), repository=repository, tag=name)


def _build(client: docker.DockerClient, base: str, tag: str, files: Mapping[str, bytes], say: Say) -> None:
    said: list[str] = []
    events = client.api.build(
        fileobj=_archive(files),
        custom_context=True,
        tag=tag,
        buildargs={"BASE": base},
        network_mode="host",
        rm=True,
        forcerm=True,
        decode=True,
    )
    for event in events:
        said.extend(_lines(event))
        if "error" in event:
            tail = "\n".join(said[-_LAST_LINES:])
            raise HostError(f"cannot be built:\n{tail}\n{event['error']}", where=f"image {tag}")
        if said and said[-1].startswith("Step "):
            say(f"{tag}: {said[-1].split(' : ')[0].lower()} (first time, about 30 s)")


def _lines(event: Mapping[str, Any]) -> Iterator[str]:
    return (line for line in str(event.get("stream", "")).splitlines() if line.strip())


def _archive(files: Mapping[str, bytes]) -> io.BytesIO:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), _CONTEXT.get(name, 0o644)
            tar.addfile(entry, io.BytesIO(data))
    archive.seek(0)
    return archive


def remove_image(client: docker.DockerClient, tag: str) -> None:
    """Remove one of our images; one that is already gone is no fault."""
    with explained(f"image {tag} cannot be removed"):
        try:
            client.api.remove_image(tag)
        except ImageNotFound:
            return
