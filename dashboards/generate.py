"""Write every dashboard as JSON where the role finds it: `make dashboards`."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.backup import backup
from dashboards.consensus import consensus
from dashboards.fleet import fleet
from dashboards.mesh import mesh
from dashboards.monitoring import monitoring
from dashboards.node import node
from dashboards.security import security
from dashboards.service import service
from dashboards.usage import usage

FOLDER = Path(__file__).parents[1] / "roles/dashboards/files"


def written() -> dict[str, str]:
    """Return the text of each dashboard by the name of its file."""
    encoder = JSONEncoder(sort_keys=True, indent=1, ensure_ascii=False)
    found = (made() for made in (fleet, node, mesh, consensus, service, usage, backup, security, monitoring))
    return {f"{one.uid}.json": encoder.encode(one) + "\n" for one in found}


def main() -> None:
    """Write those that differ, and say which."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = written()
    for file in FOLDER.glob("*.json"):
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        file = FOLDER / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"wrote {file.relative_to(FOLDER.parents[2])}")  # noqa: T201


if __name__ == "__main__":
    main()
