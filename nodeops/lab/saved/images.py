"""The images of saved hosts on the engine: made, found by their label, removed. Everything a save is stands in them."""

import docker
from docker.errors import APIError, ImageNotFound

from nodeops.core.errors import HostError
from nodeops.lab import containers
from nodeops.lab.engine.engine import explained
from nodeops.lab.saved.state import REPOSITORY, Card, SavedHost, read_card, tag_of
from nodeops.lab.state import SeenHost

_LABEL = "nodeops.saved"
_PACKED = "/var/lib/nodeops-lab/packed.tar.zst"
# Names the files that carry mounted filesystems; the host packs them when it has unmounted all (image/lab-pack).
_ASK_TO_PACK = """
grep -o '^/dev/loop[0-9]*' /proc/mounts | sort -u | while read -r device; do
    cat "/sys/block/${device#/dev/}/loop/backing_file"
done >/run/nodeops-lab-pack
cat /run/nodeops-lab-pack
"""


def ask_to_pack(client: docker.DockerClient, host: SeenHost) -> list[str]:
    """Tell a running host to pack its disks when it is shut down, and return which files that will be."""
    with explained(f"host {host.node} cannot be asked"):
        job = client.api.exec_create(host.id, ["sh", "-c", _ASK_TO_PACK])
        said = client.api.exec_start(job["Id"]).decode(errors="replace")
    return said.split()


def check_packed(client: docker.DockerClient, host: SeenHost) -> None:
    """Make sure that a host that is down has packed its disks. Raise HostError."""
    with explained(f"host {host.node} cannot be looked at"):
        try:
            stream, _ = client.api.get_archive(host.id, _PACKED, chunk_size=512)
            stream.close()
        except APIError as error:
            if error.status_code != 404:
                raise
            hint = "it has no room for that, or did not shut down in time: nodeops lab up, then save again"
            raise HostError("its disks could not be packed", where=f"host {host.node}", hint=hint) from error


def make(client: docker.DockerClient, host: SeenHost, card: Card) -> str:
    """Make the image of a host that is down, and return its tag."""
    repository, _, tag = tag_of(card).partition(":")
    # An image hands its labels on: none of them may make a container of it a host.
    ours = (
        *(containers.LAB_LABEL, containers.NODE_LABEL, containers.FOLDER_LABEL),
        *(containers.LOADED_LABEL, containers.LOADED_WITH_LABEL),
    )
    labels = dict.fromkeys(ours, "") | {_LABEL: card.text()}
    with explained(f"host {host.node} cannot be saved"):
        client.api.commit(host.id, repository=repository, tag=tag, pause=False, conf={"Labels": labels})
    return f"{repository}:{tag}"


def found(client: docker.DockerClient) -> list[SavedHost]:
    """Return the saved hosts of all labs on the engine."""
    with explained("images cannot be listed"):
        rows = client.api.images()
    sizes = {tag: int(row["Size"]) for row in rows for tag in row.get("RepoTags") or ()}
    saved = []
    for row in rows:
        card = read_card((row.get("Labels") or {}).get(_LABEL, ""))
        tags = [tag for tag in row.get("RepoTags") or () if tag.startswith(f"{REPOSITORY}:")]
        if card and tags:
            own = int(row["Size"]) - sizes.get(card.features.get("image", ""), 0)
            saved.append(SavedHost(tags[0], int(row["Created"]), own, card))
    return saved


def labels(card: Card, key: str) -> dict[str, str]:
    """Return the labels of a container that is made from a saved host."""
    return {_LABEL: "", containers.LOADED_LABEL: key, containers.LOADED_WITH_LABEL: " ".join(card.hosts)}


def remove(client: docker.DockerClient, tag: str) -> None:
    """Remove the image of a saved host; one that is already gone is no fault."""
    with explained(f"image {tag} cannot be removed"):
        try:
            client.api.remove_image(tag)
        except ImageNotFound:
            return
