"""All collectors of a host, put together as `cli.py` puts the verbs together."""

from nodeops.agent.metrics import COLLECTOR as AGENT
from nodeops.backup.metrics import COLLECTOR as BACKUP
from nodeops.disk.metrics import COLLECTOR as DISK
from nodeops.document.models import NodeDocument
from nodeops.exporter import askers, ledger_metrics, text_files
from nodeops.exporter.cache import Runner
from nodeops.exporter.certificate_metrics import COLLECTOR as CERTIFICATES
from nodeops.exporter.host_metrics import COLLECTOR as HOST
from nodeops.exporter.server import Exporter
from nodeops.exporter.unit_metrics import COLLECTOR as UNITS
from nodeops.firewall.metrics import COLLECTOR as FIREWALL
from nodeops.hardening.metrics import COLLECTOR as HARDENING
from nodeops.lifecycle.patch.metrics import COLLECTOR as PATCH
from nodeops.mesh.metrics import COLLECTOR as MESH

STATELESS = (HOST, UNITS, DISK, FIREWALL, HARDENING, AGENT, CERTIFICATES, MESH, BACKUP, PATCH)


def exporter(document: NodeDocument) -> Exporter:
    """Return the exporter of a host, not yet begun."""
    look, asked = text_files.TextFileLook(), askers.Askers()
    collectors = (*STATELESS, ledger_metrics.collector(), askers.collector(asked))
    return Exporter([Runner(one, document) for one in collectors], (Runner(text_files.collector(look), document), look), asked)
