"""What watching costs: the exporter on a node, a monitor of a thousand nodes, the mesh prober of a hundred."""

from collections.abc import Callable
from pathlib import Path

import mesh
import metrics
import monitor

from nodeops.document.inventory import managed_nodes
from nodeops.document.load import load_consortium


def section(inventory: Path, play: Callable[[str], object]) -> list[str]:
    """Set up the monitor of a lab with `play`, measure some eight minutes, and return the sections of RESULTS.md."""
    consortium = load_consortium(inventory)
    node, watcher = managed_nodes(consortium, inventory)[0], next(iter(consortium.monitors))
    play("playbooks/monitoring.yml")
    return [*metrics.section(inventory, node), *monitor.section(inventory, node, watcher), *mesh.section()]
