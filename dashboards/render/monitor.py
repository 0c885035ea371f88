"""Ask a monitor's Prometheus as root of the monitor may: over SSH, with its own certificate, which never leaves it."""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

# Runs on the monitor: a line is a path, the answer is a line.
_ASK = """
import json, ssl, sys, urllib.error, urllib.request
base, certificate, key = sys.argv[1:4]
context = ssl.create_default_context(cafile=certificate)
context.check_hostname = False
context.load_cert_chain(certificate, key)
opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
for path in sys.stdin:
    try:
        with opener.open(base + path.strip(), timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        text = error.read()
    print(json.dumps(json.loads(text)), flush=True)
"""


class Monitor:
    """One monitor of a lab; one question at a time."""

    def __init__(self, inventory: Path):
        members = YAML(typ="safe").load(inventory / "consortium.yml")
        self.name, node = next(iter(members["monitors"])), next(iter(members["nodes"]))
        words = ["nodeops", "document", "show", node, "--json", "--inventory", str(inventory)]
        shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
        document: dict[str, Any] = json.loads(shown.stdout)["document"]
        place, paths = document["monitor_ports"]["prometheus"], document["paths"]
        program = ["python3", "-u", "-c", _quoted(_ASK), f"https://{place['bind']}:{place['port']}"]
        line = " ".join(["sudo", *program, paths["monitoring_certificate"], paths["monitoring_key"]])
        ssh = ["ssh", "-F", str(inventory / "ssh_config"), self.name, line]
        self._asking = subprocess.Popen(ssh, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._turn = threading.Lock()

    def asked(self, path: str) -> str:
        """Return what Prometheus answers to a path, as JSON. Raise EOFError when the monitor cannot be asked."""
        with self._turn:
            assert self._asking.stdin and self._asking.stdout  # noqa: S101
            self._asking.stdin.write(path + "\n")
            self._asking.stdin.flush()
            answer = self._asking.stdout.readline()
        if not answer:
            raise EOFError(f"{self.name} cannot be asked; is the lab up, and playbooks/monitoring.yml run?")
        return answer

    def close(self) -> None:
        """End the connection."""
        self._asking.terminate()


def _quoted(program: str) -> str:
    return "'" + program.replace("'", "'\\''") + "'"
