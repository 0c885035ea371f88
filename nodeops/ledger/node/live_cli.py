"""`nodeops ledger verify`: is what runs on this host what is configured there?"""

import os
from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit, finite, working
from nodeops.core.errors import HostError
from nodeops.core.finding import Verdict
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.ledger.node.live import live_findings

_START_SECONDS = 30.0

TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout", min=0, max=3600, callback=finite, help="Seconds that a ledger just started gets to open its ports."
    ),
]


def verify(timeout: TimeoutOption = _START_SECONDS, as_json: JsonFlag = False) -> None:
    """Verify that what runs here is what is configured: unit, process, files, sockets, exposure, keys. Needs root."""
    if os.geteuid() != 0:
        raise HostError(
            "another user's process and the keys are for root only", where="nodeops ledger verify", hint="run with sudo"
        )
    document = load_node_document()
    with working("waiting for the ledger to open its ports"):
        findings = live_findings(document, timeout)
    failing = sum(finding.verdict is Verdict.FAIL for finding in findings)
    line = (
        f"{document.node.name}: {failing} of {len(findings)} checks fail" if failing else f"{document.node.name}: all checks pass"
    )
    emit(Result({"node": document.node.name, "failed": failing}, lines=[line], findings=findings), as_json)
