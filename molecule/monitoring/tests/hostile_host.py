"""Runs on the monitor: what a host that was taken over could answer, each at a path of its own, and a Prometheus that asks all of
them by the configuration at hand. PORT ADDRESS CONFIGURATION SECONDS: prints as JSON what Prometheus then holds, by host.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

PORT, ADDRESS, CONFIGURATION, SECONDS = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
HOUR_AGO = round((time.time() - 3600) * 1000)
RECORDS = f"""ALERTS{{alertname="ExporterDown",alertstate="firing"}} 1
ALERTS_FOR_STATE{{alertname="ExporterDown"}} 1
nodeops:moving:bool 1
up{{x="1"}} 1
scrape_samples_scraped{{x="1"}} 1
nodeops_ledger_up 1 {HOUR_AGO}
"""


def bomb(megabytes):
    """Return a comment of so many megabytes, a thousandth of it on the way."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [squeezed.compress(b"a" * (1 << 20)) for _ in range(megabytes)]
    return b"".join([squeezed.compress(b"# "), *parts, squeezed.compress(b"\nnodeops_ledger_up 1\n"), squeezed.flush()])


ANSWERS = {
    "/bomb": bomb(512),
    "/labels": ("nodeops_ledger_up{" + ",".join(f'x{n}="1"' for n in range(40)) + "} 1\n").encode(),
    "/name": f'nodeops_ledger_up{{{"x" * 101}="1"}} 1\n'.encode(),
    "/value": f'nodeops_ledger_up{{x="{"1" * 201}"}} 1\n'.encode(),
    "/many": "".join(f'nodeops_ledger_up{{x="{n}"}} 1\n' for n in range(2001)).encode(),
    "/records": RECORDS.encode(),
    # What an honest host may say: as many as it has, and a thousand of its own.
    "/honest": "".join(f'nodeops_ledger_up{{x="{n}"}} 1\n' for n in range(1300)).encode(),
}


class Host(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        if self.path == "/bomb":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(ANSWERS[self.path])

    def log_request(self, *words):
        pass


def asked(expression):
    with urlopen(f"http://{ADDRESS}/api/v1/query?{urlencode({'query': expression})}", timeout=20) as answer:
        return json.load(answer)["data"]["result"]


def by_host(expression):
    return {one["metric"]["node"]: float(one["value"][1]) for one in asked(expression)}


def until_all_were_asked():
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(1)
        try:
            # Twice at least: a limit that acts only after the first answer is none.
            if len(seen := by_host("count_over_time(up[10m])")) == len(ANSWERS) and min(seen.values()) > 1:
                return
        except URLError:
            continue
    sys.exit("this Prometheus did not ask all of them in time")


def held(process):
    most = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return {
        "up": by_host('{__name__="up"}'),
        "records": sorted(one["metric"]["__name__"] for one in asked('{node="records"}')),
        "age": by_host('time() - timestamp(nodeops_ledger_up{node="records"})'),
        "most_bytes": int(most[1]) * 1024,
    }


threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", PORT), Host).serve_forever, daemon=True).start()
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "prometheus.yml").write_text(CONFIGURATION)
    words = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with subprocess.Popen([*words, f"--web.listen-address={ADDRESS}"], stderr=subprocess.DEVNULL) as running:
        try:
            until_all_were_asked()
            json.dump(held(running), sys.stdout)
        finally:
            running.kill()
