"""`nodeops logs show|stats` as people and programs call them, on a log that is partly sealed."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from nodeops import cli
from nodeops.core.errors import HostError
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.host import clock, extents
from nodeops.logs import cli as logs_cli
from nodeops.logs import tail
from nodeops.logs.live_log import LogFiles
from tests.unit.logs.log_lines import COMMITTED, DIALLED, RECEIVED, TRACE
from tests.unit.logs.log_made import MadeLog

CONSORTIUM = """
consortium: test
revision: 1
ledger: {platform: cometbft, version: v0.38.21, chain: test-1}
organisations: {maker: {}}
nodes:
  mak-1: {organisation: maker, duty: validator, address: 192.0.2.1}
"""
HOSTILE = b"E[2026-11-25|13:11:27.000] \x1b]0;owned\x07\x1b[2J\xff\x00 \xe2\x80\xae evil\rgood module=p2p"
ENTRIES = [COMMITTED, DIALLED, TRACE, RECEIVED, HOSTILE]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Return a node document whose log is in a folder of ours: 300 debug lines sealed, then some of each kind."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "consortium.yml").write_text(CONSORTIUM)
    document = resolve(load_consortium(folder / "consortium.yml"), "mak-1", {})
    places = {**document.ledger.paths, "log": str(folder / "ledger.log"), "sealed_log": str(folder / "sealed")}
    ledger = document.ledger.model_copy(update={"paths": places})
    journal = str(folder / "state/disk/ledger.journal")
    paths = {**document.paths, "state": str(folder / "state"), "run": str(folder / "run"), "log_journal": journal}
    changed = document.model_copy(update={"ledger": ledger, "paths": paths})
    (folder / "node.json").write_text(changed.model_dump_json())
    (folder / "state/disk").mkdir(parents=True)
    log = MadeLog(folder)
    log.files = LogFiles(log.files.live, log.files.sealed, folder / "state/disk/ledger.journal", "ledger")
    log.write(b"".join(RECEIVED.replace(b"25.500", b"%02d.%03d" % (n // 60 % 10, n)) + b"\n" for n in range(300)))
    if not extents.collapse_refusal(folder):
        log.seal(8192)
        log.seal(8192)
    log.write(b"".join(line + b"\n" for line in ENTRIES))
    return log


@pytest.fixture(autouse=True)
def on_a_host_in_utc_whose_lines_are_of_another_day_than_their_bytes(monkeypatch):
    monkeypatch.setattr(clock, "_LOCAL_TIME", Path("/usr/share/zoneinfo/UTC"))
    monkeypatch.setattr(tail, "SLACK_SECONDS", 1e10)


def words(host, verb: str, *more: str) -> list[str]:
    return ["logs", verb, *more, "--document", str(host.files.live.parent / "node.json")]


@pytest.fixture
def run(host, capfdbinary):
    def call(verb: str, *more: str) -> tuple[int, bytes, str]:
        code = 0
        try:
            code = cli.main(words(host, verb, *more)) or 0
        except SystemExit as left:
            code = int(left.code or 0)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return call


def lines(*data: bytes) -> bytes:
    return b"".join(line + b"\n" for line in data)


def test_a_pipe_gets_every_byte(host, run):
    assert run("show") == (0, host.written, "")


SHOWN = {
    "errors": (["--level", "error"], [DIALLED, TRACE, HOSTILE]),
    "info and errors": (["--level", "info"], [COMMITTED, DIALLED, TRACE, HOSTILE]),
    "modules": (["--module", "state", "--module", "pex"], [COMMITTED, DIALLED, TRACE]),
    "text": (["--grep", "dialing|running"], [DIALLED, TRACE]),
    "from a time": (["--since", "2026-11-25T13:11:24Z", "--level", "info"], [DIALLED, TRACE, HOSTILE]),
    "until a time": (["--until", "2026-11-25 13:11:24", "--level", "info"], [COMMITTED, DIALLED, TRACE]),
    "the last": (["--lines", "2"], [RECEIVED, HOSTILE]),
    "the last errors": (["--lines", "2", "--level", "error"], [TRACE, HOSTILE]),
    "the last of one that is far back": (["-n", "1", "--grep", "11:00.007"], [RECEIVED.replace(b"25.500", b"00.007")]),
    "none": (["--lines", "0"], []),
    "more than there are": (["--lines", "9", "--level", "info"], [COMMITTED, DIALLED, TRACE, HOSTILE]),
    "nothing like it": (["--grep", "no such text"], []),
}


@pytest.mark.parametrize(("options", "shown"), SHOWN.values(), ids=SHOWN)
def test_lines_are_picked(run, options, shown):
    assert run("show", *options) == (0, lines(*shown), "")


def test_last_lines_reach_back_into_segments(host, run):
    assert run("show", "--lines", "280")[1] == lines(*host.written.split(b"\n")[-281:-1])


def test_a_machine_gets_an_object_a_line(run):
    objects = [json.loads(line) for line in run("show", "--json", "--level", "error")[1].splitlines()]
    assert [(each.get("level"), each.get("module")) for each in objects] == [("error", "pex"), (None, None), ("error", "p2p")]
    assert objects[1]["line"] == TRACE.decode()


MISTAKES = {
    "a time": (["--since", "soon"], "is not a time"),
    "the wrong way round": (["--since", "13:00", "--until", "12:00"], "later than --until"),
    "a level": (["--level", "loud"], "debug, info, error"),
    "a pattern": (["--grep", "("], "not a regular expression"),
    "following the past": (["--follow", "--until", "13:00"], "has no end"),
}


@pytest.mark.parametrize(("options", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_said(run, options, said):
    code, out, err = run("show", *options)
    assert (code, out) == (2, b"")
    assert said in err


def program(host, *more: str) -> list[str]:
    return [sys.executable, "-c", "from nodeops.cli import main; main()", *words(host, "show", *more)]


def test_a_reader_that_goes_away_early_ends_it_quietly(host):
    with subprocess.Popen(program(host), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shown:
        assert shown.stdout.readline() == host.written.splitlines(keepends=True)[0]
        shown.stdout.close()
        said = shown.stderr.read()
    assert (shown.returncode in (0, 141), said) == (True, b"")


def test_an_answer_that_cannot_be_written_is_said(host):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(program(host), stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, b"No space left" in done.stderr) == (3, True)


def test_following_shows_what_comes_and_goes_on_across_a_cut(host):
    with subprocess.Popen(program(host, "--follow", "--lines", "1"), stdout=subprocess.PIPE) as shown:
        assert shown.stdout.readline() == HOSTILE + b"\n"
        host.write(b"after\n")
        assert shown.stdout.readline() == b"after\n"
        if not extents.collapse_refusal(host.files.live.parent):
            host.seal(4096)
        host.write(b"after the cut\n")
        assert shown.stdout.readline() == b"after the cut\n"
        shown.terminate()
    host.files.live.write_bytes(host.files.live.read_bytes().removesuffix(b"after\nafter the cut\n"))
    host.written = host.written.removesuffix(b"after\nafter the cut\n")


def test_a_terminal_is_not_steered(host):
    ours, theirs = pty.openpty()
    with subprocess.Popen(program(host, "--lines", "1"), stdout=theirs) as shown:
        os.close(theirs)
        out = b""
        while b"good" not in out:
            out += os.read(ours, 4096)
        shown.wait()
    os.close(ours)
    assert (b"\x1b" in out, b"\\x1b]0;owned" in out, b"\\u202e" in out, b"\\xff" in out) == (False, True, True, True)


def test_statistics_for_people_and_for_machines(run, host):
    code, out, _ = run("stats")
    assert (code, b"by module and level" in out, b"Receive" in out) == (0, True, True)
    body = json.loads(run("stats", "--json")[1])
    assert body["total"] == {"lines": host.written.count(b"\n"), "bytes": len(host.written)}
    assert {row["module"] for row in body["hours"]} == {"p2p", "state", "pex"}
    assert body["messages"][0]["text"] == "Receive"
    assert json.loads(run("stats", "--json", "--since", "2026-11-26")[1])["total"]["lines"] == 0


def test_a_log_that_is_not_there_is_said(host, tmp_path, capsys):
    body = json.loads((host.files.live.parent / "node.json").read_text())
    body["ledger"]["paths"] |= {"log": str(tmp_path / "none/ledger.log"), "sealed_log": str(tmp_path / "none/sealed")}
    (tmp_path / "node.json").write_text(json.dumps(body))
    with pytest.raises(SystemExit) as left:
        cli.main(["logs", "show", "--document", str(tmp_path / "node.json")])
    assert (left.value.code, "there is no log" in capsys.readouterr().err) == (3, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to stop being it")
def test_others_than_root_are_told_so(host):
    child = os.fork()
    if not child:
        os.setuid(65534)
        try:
            logs_cli._opened(host.files)
        except HostError as error:
            os._exit(0 if "for root only" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
