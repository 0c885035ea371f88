"""One Prometheus of Debian that scrapes 1,000 simulated nodes, as Markdown: memory, processor, time to judge all rules.

Runs on the monitor of a lab, beside its own Prometheus: a small server there answers as each node would, with what a real node of
the lab said (its mesh widened to the ring's eight peers), counters moving. The rules are those that the monitor has.
"""

import argparse
import json
import sys
from pathlib import Path

from metrics import ROOT, on_host

from nodeops.document.resolve import host_paths
from nodeops.mesh.ring import RING_PEERS

# On a node, as root: one real scrape.
_SCRAPE = """
import http.client, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
asked = Unix("localhost")
asked.request("GET", "/metrics")
sys.stdout.write(asked.getresponse().read().decode())
"""
# On the monitor, as root. Prints what Prometheus says of itself, as JSON.
_ON_MONITOR = """
import json, os, shutil, subprocess, sys, tempfile, threading, time, urllib.parse, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
NODES, SECONDS, INTERVAL, PORT, RULES, TEXT = *map(int, sys.argv[1:5]), sys.argv[5:], sys.stdin.buffer.read()

class Node(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        # One place for every counter and every time: it moves on by one a second, and the clock is right.
        now = time.time()
        body = TEXT.replace(b"@COUNT@", b"%d" % (now - 1.7e9)).replace(b"@TIME@", b"%f" % now)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 1024

threading.Thread(target=Server(("127.0.0.1", PORT), Node).serve_forever, daemon=True).start()
folder = tempfile.mkdtemp(dir="/var/tmp")
os.chmod(folder, 0o755)
def target(one):
    labels = {"network": "bench", "node": "n%d" % one, "organisation": "o%d" % (one % 20), "site": "s", "duty": "validator"}
    return {"targets": ["127.0.0.1:%d" % PORT], "labels": {**labels, "__metrics_path__": "/n%d" % one}}
targets = [target(one) for one in range(NODES)]
json.dump(targets, open(folder + "/targets.json", "w"))
config = {"global": {"scrape_interval": "%ds" % INTERVAL, "evaluation_interval": "%ds" % INTERVAL, "scrape_timeout": "10s"},
          "rule_files": RULES,
          "scrape_configs": [{"job_name": "nodeops", "file_sd_configs": [{"files": [folder + "/targets.json"]}],
                              "relabel_configs": [{"source_labels": ["node"], "target_label": "instance"}]},
                             {"job_name": "itself", "static_configs": [{"targets": ["127.0.0.1:%d" % (PORT + 1)]}]}]}
json.dump(config, open(folder + "/prometheus.yml", "w"))
words = ["prometheus", "--config.file=" + folder + "/prometheus.yml", "--storage.tsdb.path=" + folder + "/data",
         "--web.listen-address=127.0.0.1:%d" % (PORT + 1)]
running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def asked(query):
    url = "http://127.0.0.1:%d/api/v1/query?" % (PORT + 1) + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=60) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else None

try:
    time.sleep(SECONDS)
    print(json.dumps({name: asked(query) for name, query in {
        "up": 'sum(up{job="nodeops"})',
        "series": 'prometheus_tsdb_head_series{job="itself"}',
        "samples": 'avg(scrape_samples_scraped{job="nodeops"})',
        "rules": 'sum(prometheus_rule_group_last_duration_seconds{job="itself"})',
        "slowest": 'max(prometheus_rule_group_last_duration_seconds{job="itself"})',
        "missed": 'sum(prometheus_rule_group_iterations_missed_total{job="itself"})',
        "failed": 'sum(prometheus_rule_evaluation_failures_total{job="itself"})',
        "memory": 'process_resident_memory_bytes{job="itself"}',
        "core": 'rate(process_cpu_seconds_total{job="itself"}[1m])',
        "scrape": 'quantile(0.99, scrape_duration_seconds{job="nodeops"})',
        "firing": 'count(ALERTS{alertstate="firing"}) or vector(0)',
    }.items()}))
finally:
    running.terminate()
    running.wait(30)
    shutil.rmtree(folder)
"""
_PROGRAM = "/run/bench-monitor.py"
_RULES = [f"/etc/prometheus/nodeops/{name}.yml" for name in ("rules", "service")]


def widened(text: str) -> str:
    """Return a scrape as a node of a large network gives it: eight peers instead of one, counters and times that move."""
    found = []
    peer = next((line.split('peer="')[1].split('"')[0] for line in text.splitlines() if 'peer="' in line), "")
    for line in text.splitlines():
        if line.startswith("#"):
            found.append(line)
            continue
        name, _, value = line.rpartition(" ")
        if "_total" in name:
            value = "@COUNT@"
        elif "clock_timestamp" in name or "head_timestamp" in name:
            value = "@TIME@"
        if 'peer="' not in name:
            found.append(f"{name} {value}")
        elif f'peer="{peer}"' in name:
            found += [f"{name.replace(peer, f'peer-{one}')} {value}" for one in range(RING_PEERS)]
    return "\n".join(found) + "\n"


def section(inventory: Path, node: str, monitor: str, nodes: int = 1000, seconds: int = 180) -> list[str]:
    """Measure on the monitor of a lab that is set up, some three minutes, and return the section of RESULTS.md."""
    text = widened(on_host(inventory, node, f"python3 - {host_paths()['exporter_socket']}", _SCRAPE))
    # Standard input is the scrape's, so the program goes first.
    on_host(inventory, monitor, f"cat > {_PROGRAM}", _ON_MONITOR)
    words = f"python3 {_PROGRAM} {nodes} {seconds} 15 9890 {' '.join(_RULES)}; rm {_PROGRAM}"
    said = json.loads(on_host(inventory, monitor, words, text))
    what = f"One Prometheus, {nodes} simulated nodes asked every 15 s, after {seconds} s (`benchmarks/monitor.py`):"
    head = ["## A monitor of many", "", what, ""]
    return [*head, *_table(said, nodes), ""]


def _table(said: dict[str, float], nodes: int) -> list[str]:
    rows = {
        "nodes that answered": f"{said['up']:.0f} of {nodes}",
        "samples of a node, its mesh a ring of 8": f"{said['samples']:.0f} (bar: 300)",
        "series in memory": f"{said['series']:.0f}",
        "all rules judged in": f"{said['rules']:.2f} s, the slowest group {said['slowest']:.2f} s, every 15 s",
        "judgements missed, failed": f"{said['missed']:.0f}, {said['failed']:.0f}",
        "scrape, 99th percentile": f"{said['scrape'] * 1000:.0f} ms",
        "memory of Prometheus": f"{said['memory'] / (1 << 20):.0f} MiB",
        "of a core": f"{said['core']:.0%}",
    }
    return ["| what | measured |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inventory", type=Path, default=ROOT / "inventories/lab")
    parser.add_argument("--node", default="cu-1")
    parser.add_argument("--monitor", default="cu-mon")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=180)
    chosen = parser.parse_args()
    done = section(chosen.inventory, chosen.node, chosen.monitor, chosen.nodes, chosen.seconds)
    sys.stdout.write("\n".join(done) + "\n")
