"""All collectors of a host, put together as `cli.py` puts the verbs together."""

from nodeops.agent.metrics import COLLECTOR as AGENT
from nodeops.backup.metrics import COLLECTOR as BACKUP
from nodeops.disk.metrics import COLLECTOR as DISK
from nodeops.document.models import HostDocument, NodeDocument, PlainDocument
from nodeops.exporter import askers, ledger_metrics, text_files
from nodeops.exporter.cache import Runner
from nodeops.exporter.certificate_metrics import COLLECTOR as CERTIFICATES
from nodeops.exporter.host_metrics import COLLECTOR as HOST
from nodeops.exporter.round_metrics import COLLECTOR as ROUNDS
from nodeops.exporter.server import Exporter
from nodeops.exporter.store_metrics import COLLECTOR as STORES
from nodeops.exporter.unit_metrics import COLLECTOR as UNITS
from nodeops.firewall.metrics import COLLECTOR as FIREWALL
from nodeops.hardening.metrics import COLLECTOR as HARDENING
from nodeops.lifecycle.patch.metrics import COLLECTOR as PATCH
from nodeops.log_host.metrics import COLLECTOR as LOG_HOST
from nodeops.mesh.metrics import COLLECTOR as MESH

OF_EVERY_HOST = (HOST, UNITS, FIREWALL, HARDENING, AGENT, CERTIFICATES, PATCH, LOG_HOST)
OF_A_NODE = (DISK, MESH, BACKUP, ROUNDS)
OF_A_PLAIN_HOST = (STORES,)


def exporter(document: HostDocument) -> Exporter:
    """Return the exporter of a host, not yet begun: a node's, or that of a host that runs no ledger."""
    look, asked = text_files.TextFileLook(), askers.Askers()
    runners = [Runner(one, document) for one in (*OF_EVERY_HOST, askers.collector(asked))]
    if isinstance(document, NodeDocument):
        runners += [Runner(one, document) for one in (*OF_A_NODE, ledger_metrics.collector())]
    if isinstance(document, PlainDocument):
        runners += [Runner(one, document) for one in OF_A_PLAIN_HOST]
    return Exporter(runners, (Runner(text_files.collector(look), document), look), asked)
