"""The exporter beside Debian's node_exporter and a plain prometheus-client one, on one host of a lab, as Markdown.

All three are asked without TLS where they listen for their own host: what differs is what they look at and how. The package of
Debian is installed for it and purged afterwards. Nothing here fails because of a figure.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from nodeops.document.resolve import host_paths

ROOT = Path(__file__).resolve().parents[1]
# Runs on the host with the libraries of the agent's tree. What it prints is read back.
_ON_HOST = """
import http.client, json, os, socket, statistics, subprocess, sys, time
import psutil

OURS, SCRAPES, PAUSE, QUIET = sys.argv[1], 100, 0.1, 30.0
PLAIN = "import time; from prometheus_client import start_http_server; start_http_server(9101, '127.0.0.1'); time.sleep(3600)"

class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(OURS)

def process(unit):
    said = subprocess.run(["systemctl", "show", "-P", "MainPID", unit], capture_output=True, text=True, check=True)
    return psutil.Process(int(said.stdout))

def spent(found):
    times = found.cpu_times()
    return times.user + times.system

def scrape(new):
    began = time.perf_counter()
    asked = new()
    asked.request("GET", "/metrics")
    text = asked.getresponse().read()
    asked.close()
    return time.perf_counter() - began, sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))

def measured(unit, new):
    found = process(unit)
    for _ in range(5):
        scrape(new)
    before, start = spent(found), time.monotonic()
    time.sleep(QUIET)
    idle = (spent(found) - before) / (time.monotonic() - start)
    before, start, taken = spent(found), time.monotonic(), []
    for _ in range(SCRAPES):
        taken.append(scrape(new))
        time.sleep(PAUSE)
    each = max(0.0, spent(found) - before - idle * (time.monotonic() - start)) / SCRAPES
    times = sorted(one for one, _ in taken)
    return {"p50": statistics.median(times), "p99": times[98], "cpu": each, "idle": idle, "rss": found.memory_info().rss,
            "samples": taken[-1][1]}

def local(port):
    return lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=20)

subprocess.run(["systemd-run", "--quiet", "--collect", "--unit=bench-plain-exporter",
                "--setenv=PYTHONPATH=" + os.environ["PYTHONPATH"], sys.executable, "-c", PLAIN], check=True)
time.sleep(2)
try:
    print(json.dumps({
        "nodeops-exporter": measured("nodeops-exporter.service", lambda: Unix("localhost")),
        "node_exporter": measured("prometheus-node-exporter.service", local(9100)),
        "plain prometheus-client": measured("bench-plain-exporter.service", local(9101)),
    }))
finally:
    subprocess.run(["systemctl", "stop", "bench-plain-exporter.service"], check=False)
"""
_APT = "DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -qq -y"
_SCRAPERS, _INTERVAL_SECONDS = 2, 15.0


def on_host(inventory: Path, node: str, command: str, given: str = "") -> str:
    """Return what a command says on a host, as root. Leave with its words when it fails."""
    words = ["ssh", "-F", str(inventory / "ssh_config"), node, f"sudo sh -c '{command}'"]
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{command}: left with {done.returncode} on {node}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def section(inventory: Path, node: str) -> list[str]:
    """Measure on one host that site.yml has set up, some two minutes, and return the section of RESULTS.md."""
    paths = host_paths()
    on_host(inventory, node, f"{_APT} update; {_APT} --no-install-recommends install prometheus-node-exporter")
    try:
        tree = f"$(dirname $(dirname $(readlink -f {paths['command']})))"
        python = f"PYTHONPATH={tree}/lib python3 -"
        said = json.loads(on_host(inventory, node, f"{python} {paths['exporter_socket']}", _ON_HOST))
    finally:
        on_host(inventory, node, f"{_APT} purge prometheus-node-exporter")
    return ["## The exporter", "", "On one host of the lab, 100 scrapes each (`benchmarks/metrics.py`):", "", *_table(said), ""]


def _table(said: dict[str, dict[str, float]]) -> list[str]:
    peer = said["node_exporter"]["p50"]
    rows = ["| exporter | p50 | p99 | of node_exporter's | CPU a scrape | memory | samples | of a core, 2 scrapers at 15 s |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for name, one in said.items():
        share = one["idle"] + one["cpu"] * _SCRAPERS / _INTERVAL_SECONDS
        rows.append(
            f"| {name} | {one['p50'] * 1000:.1f} ms | {one['p99'] * 1000:.1f} ms | {one['p50'] / peer:.2f} "
            f"| {one['cpu'] * 1000:.1f} ms | {one['rss'] / (1 << 20):.0f} MiB | {one['samples']} | {share:.2%} |"
        )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inventory", type=Path, default=ROOT / "inventories/lab")
    parser.add_argument("--node", default="cu-1")
    chosen = parser.parse_args()
    sys.stdout.write("\n".join(section(chosen.inventory, chosen.node)) + "\n")
