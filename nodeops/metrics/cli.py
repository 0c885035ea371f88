"""`nodeops metrics`: what this host exports now, what each metric means, whether both agree, and whether a Grafana shows them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from prometheus_client.parser import text_string_to_metric_families

from nodeops.console import JsonFlag, emit, working
from nodeops.core.errors import InputError
from nodeops.core.result import Result, Table
from nodeops.document.resolve import host_paths
from nodeops.metrics.catalogue import PREFIX, Metric, catalogue, metric
from nodeops.metrics.exposition import judged
from nodeops.metrics.grafana import page
from nodeops.metrics.grafana_api import Grafana, findings
from nodeops.metrics.local import asked

app = typer.Typer(no_args_is_help=True)

_PAGE = "/metrics"
SocketOption = Annotated[Path | None, typer.Option("--socket", hidden=True, help="Socket of the exporter to ask.")]


def _text(socket: Path | None) -> str:
    return asked(socket or Path(host_paths()["exporter_socket"]), _PAGE)[1]


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="A metric, or how its name begins (default: all).")] = None,
    socket: SocketOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what this host exports just now, as its exporter answers a monitor."""
    wanted = PREFIX + (name or "").removeprefix(PREFIX)
    found = [row for row in _values(_text(socket)) if not name or row["name"].startswith(wanted)]
    if name and not found:
        metric(name)  # says what there is, when the name itself is wrong
    rows = [(row["name"], _labels(row["labels"]), f"{row['value']:.15g}") for row in found]
    lines = [] if found else ["this host exports no such value just now: nodeops metrics check"]
    emit(Result({"values": found}, tables=[Table(("metric", "labels", "value"), rows)] if rows else [], lines=lines), as_json)


def _values(text: str) -> Iterator[dict[str, Any]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield {"name": sample.name, "labels": dict(sample.labels), "value": sample.value}


def _labels(labels: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))


@app.command()
def explain(
    name: Annotated[str | None, typer.Argument(help="A metric, with or without its prefix (default: list all).")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what a metric means, its unit and labels, why it is there, who fills it and what it costs."""
    found = [metric(name)] if name else list(catalogue().values())
    data = {"metrics": [one.model_dump(mode="json") | {"name": one.full_name} for one in found]}
    table = _one(found[0]) if name else _list(found)
    emit(Result(data, tables=[table]), as_json)


def _list(found: list[Metric]) -> Table:
    rows = [(one.full_name, one.type, ", ".join(one.labels), one.help) for one in found]
    return Table(("metric", "type", "labels", "what it says"), rows)


def _one(found: Metric) -> Table:
    said = {
        "type": found.type,
        "unit": found.unit or "none",
        "labels": ", ".join(found.labels) or "none",
        "says": found.help,
        "why": found.why,
        "filled by": f"collector {found.collector}",
        "series": f"{found.cost} a host at most",
    }
    return Table(("", found.full_name), list(said.items()))


@app.command()
def check(
    file: Annotated[Path | None, typer.Option("--file", help="A scrape in a file, instead of this host's exporter.")] = None,
    socket: SocketOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare what is exported with the catalogue, and see that every collector succeeds. Exit code 1 when one does not."""
    text = _text(socket) if file is None else _read(file)
    findings = judged(text)
    emit(Result({"metrics": len(catalogue())}, findings=findings), as_json)


# The checkout or the collection that this verb was called from.
_DASHBOARDS = Path(__file__).resolve().parents[2] / "roles/dashboards/files"


@app.command()
def grafana_check(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the Grafana.")],
    bearer: Annotated[Path | None, typer.Option("--bearer", help="File with the bearer of a service account (viewer).")] = None,
    authority: Annotated[Path | None, typer.Option("--authority", help="Certificate to trust, beside the system's.")] = None,
    dashboards: Annotated[Path | None, typer.Option(help="Folder of the dashboards' JSON (default: this checkout's).")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask a Grafana whether it shows our dashboards: server, data source, each dashboard, each query. Exit code 1 when not."""
    folder = dashboards or _DASHBOARDS
    files = sorted(folder.glob("*.json"))
    if not files:
        raise InputError(
            "holds no dashboards", where=str(folder), hint="run it in a checkout, or name their folder: --dashboards"
        )
    pages = [page(str(file), _read(file)) for file in files]
    found = []
    with working("asking Grafana") as say:
        for finding in findings(Grafana(url, bearer, authority), pages):
            found.append(finding)
            say(finding.id)
    emit(Result({"dashboards": [one.uid for one in pages]}, findings=found), as_json)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(file)) from error
