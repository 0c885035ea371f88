"""What a host that was taken over can do to its monitor: a real Prometheus asks such hosts by the limits that are installed."""

import json
from pathlib import Path
from typing import Any

import hosts
import yaml
from monitor import MONITOR, WAIT

PORT, ADDRESS = 9811, "127.0.0.1:9812"
REFUSED = {"bomb", "labels", "name", "value", "many"}
SCRAPED = ["scrape_duration_seconds", "scrape_samples_post_metric_relabeling", "scrape_samples_scraped", "scrape_series_added"]
# A Prometheus that has nothing to do takes 50 to 80 MB; the answer unpacked has 512.
MOST_BYTES = 250_000_000


def configuration(job: dict[str, Any]) -> str:
    """Return a configuration that asks each hostile host, by HTTP, and everything else as a job says."""
    kept = {name: value for name, value in job.items() if name not in ("scheme", "tls_config", "file_sd_configs")}
    hostile = [*REFUSED, "records", "honest"]
    targets = [{"targets": [f"127.0.0.1:{PORT}"], "labels": {"node": name, "__metrics_path__": f"/{name}"}} for name in hostile]
    job = {**kept, "static_configs": targets}
    return str(yaml.safe_dump({"global": {"scrape_interval": "2s", "scrape_timeout": "2s"}, "scrape_configs": [job]}))


def test_a_host_fills_neither_memory_nor_disk_and_writes_nothing_that_is_the_monitors() -> None:
    installed = yaml.safe_load(hosts.must(MONITOR, "cat /etc/prometheus/nodeops/prometheus.yml"))
    jobs = {job["job_name"]: job for job in installed["scrape_configs"]}
    program = (Path(__file__).parent / "hostile_host.py").read_text(encoding="utf-8")
    for name in ("nodeops", "hosts"):
        seen = json.loads(hosts.script(MONITOR, program, str(PORT), ADDRESS, configuration(jobs[name]), str(WAIT)))
        assert seen["up"] == {**dict.fromkeys(REFUSED, 0), "records": 1, "honest": 1}, name
        assert seen["records"] == ["nodeops_ledger_up", *SCRAPED, "up"], name
        assert seen["age"]["records"] < 300, name
        assert seen["most_bytes"] < MOST_BYTES, (name, seen["most_bytes"])
