"""A Grafana is judged by its answers. The server here is a stand-in that speaks its documented API: no Grafana could be had."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typer.testing import CliRunner

from nodeops.core.errors import InputError
from nodeops.core.finding import Verdict
from nodeops.metrics.cli import app
from nodeops.metrics.grafana import Answer, asking, judged_health, judged_page, judged_panel, judged_source, page
from nodeops.metrics.grafana_api import Grafana, findings

BEARER = "glsa_of_a_viewer"
DASHBOARD = {
    "uid": "nodeops-x",
    "panels": [
        {"type": "row"},
        {"type": "stat", "title": "Up", "targets": [{"expr": 'up{node=~"$node",network=~"$network"}'}]},
        {"type": "table", "title": "Odd", "targets": [{"expr": "a("}, {"expr": "b"}]},
    ],
}
PAGE = page("x", json.dumps(DASHBOARD))


def result(*values, **more):
    return Answer(200, {"results": {"A": {"frames": [{"data": {"values": [list(values)]}}], **more}}})


VERDICTS = {
    "healthy": (judged_health(Answer(200, {"database": "ok", "version": "12.1.0"})), Verdict.PASS),
    "its database is broken": (judged_health(Answer(503, {"database": "failing"})), Verdict.FAIL),
    "no answer": (judged_health(Answer(0, "refused")), Verdict.FAIL),
    "the data source answers": (judged_source(Answer(200, {"status": "OK"})), Verdict.PASS),
    "the data source does not": (judged_source(Answer(400, {"status": "ERROR", "message": "tls"})), Verdict.FAIL),
    "no data source": (judged_source(Answer(404, {"message": "not found"})), Verdict.FAIL),
    "our dashboard": (judged_page(PAGE, Answer(200, {"dashboard": DASHBOARD})), Verdict.PASS),
    "no dashboard": (judged_page(PAGE, Answer(404, {"message": "not found"})), Verdict.FAIL),
    "a panel is missing": (judged_page(PAGE, Answer(200, {"dashboard": {**DASHBOARD, "panels": []}})), Verdict.FAIL),
    "something else": (judged_page(PAGE, Answer(200, {"dashboard": []})), Verdict.FAIL),
    "a panel with data": (judged_panel("x", "Up", [result(1, 2)]), Verdict.PASS),
    "one of its queries has data": (judged_panel("x", "Up", [result(), result(1)]), Verdict.PASS),
    "a panel without data": (judged_panel("x", "Up", [result()]), Verdict.WARN),
    "no frames": (judged_panel("x", "Up", [Answer(200, {"results": {"A": {}}})]), Verdict.WARN),
    "a query that is not understood": (judged_panel("x", "Up", [result(1), result(error="parse error")]), Verdict.FAIL),
    "not allowed": (judged_panel("x", "Up", [Answer(403, {"message": "no"})]), Verdict.FAIL),
}


@pytest.mark.parametrize(("found", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_what_a_grafana_answers_is_judged(found, verdict):
    assert found.verdict is verdict
    assert bool(found.hint) is (verdict is not Verdict.PASS)


def test_what_a_person_would_choose_is_filled_in():
    assert asking('up{node=~"$node"}[$__rate_interval]')["queries"][0]["expr"] == 'up{node=~".*"}[$__rate_interval]'


@pytest.mark.parametrize("text", ["{", "[]", '{"uid": "x"}'])
def test_what_is_no_dashboard_is_refused(text):
    with pytest.raises(InputError, match="is no dashboard"):
        page("x.json", text)


class StandIn(BaseHTTPRequestHandler):
    """Answers as Grafana's documentation says, to whoever has the bearer."""

    def do_GET(self):
        if self.path == "/api/health":
            return self.answer(200, {"database": "ok", "version": "12.1.0"})
        if self.headers.get("Authorization") != f"Bearer {BEARER}":
            return self.answer(401, {"message": "Unauthorized"})
        known = {
            "/api/datasources/uid/nodeops/health": {"status": "OK"},
            "/api/dashboards/uid/nodeops-x": {"dashboard": DASHBOARD},
        }
        return self.answer(200 if self.path in known else 404, known.get(self.path, {"message": "not found"}))

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"][0]["expr"]
        bad = query.endswith("(")
        self.answer(400 if bad else 200, {"results": {"A": {"error": "parse error"}}} if bad else result(1).body)

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_request(self, *words):
        pass


@pytest.fixture(scope="module")
def url():
    with HTTPServer(("127.0.0.1", 0), StandIn) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def bearer(tmp_path, text=BEARER):
    file = tmp_path / "bearer"
    file.write_text(text + "\n")
    return file


def test_a_server_is_asked_for_everything(url, tmp_path):
    found = {one.id: one.verdict for one in findings(Grafana(url, bearer(tmp_path), None), [PAGE])}
    assert [name for name, verdict in found.items() if verdict is not Verdict.PASS] == ["panel.nodeops-x.Odd"]
    assert len(found) == 5


def test_without_the_right_bearer_everything_but_its_health_fails(url, tmp_path):
    first, *rest = findings(Grafana(url, bearer(tmp_path, "other"), None), [PAGE])
    assert first.verdict is Verdict.PASS
    assert [one.verdict for one in rest][:2] == [Verdict.FAIL] * 2


def test_of_a_server_that_is_down_nothing_more_is_said():
    (only,) = findings(Grafana("http://127.0.0.1:9", None, None), [PAGE])
    assert only.verdict is Verdict.FAIL


REFUSED = {
    "no scheme": ("grafana", "is no address"),
    "a file": ("file:///etc/passwd", "is no address"),
    "a name and a word in it": ("https://a:b@c", "is no address"),
    "plain, over a network": ("http://grafana.example", "over plain HTTP"),
}


@pytest.mark.parametrize(("address", "said"), REFUSED.values(), ids=REFUSED)
def test_addresses_that_would_betray_are_refused(address, said, tmp_path):
    with pytest.raises(InputError, match=said):
        Grafana(address, bearer(tmp_path), None)


def test_the_verb(url, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(DASHBOARD))
    done = CliRunner().invoke(
        app, ["grafana-check", url, "--bearer", str(bearer(tmp_path)), "--dashboards", str(tmp_path), "--json"]
    )
    assert done.exit_code == 1
    assert BEARER not in done.output
    assert json.loads(done.output)["dashboards"] == ["nodeops-x"]
