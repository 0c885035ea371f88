"""The command as a whole: every verb is there, every mistake has a message, no mistake has a traceback."""

import json
import os
import resource
import select
import signal
import subprocess
import sys

import pytest
import typer

from nodeops import __version__, cli
from nodeops.core.errors import HostError, InputError, Refused, Timeout


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of the command."""
    with pytest.raises(SystemExit) as leaving:
        cli.main(arguments)
    code = leaving.value.code
    return (code if isinstance(code, int) else 0, *capsys.readouterr())


def leaves(command, path):
    """Yield every verb below a command, with the words that call it."""
    commands = getattr(command, "commands", None)
    if not commands:
        yield path, command
        return
    for name, inner in commands.items():
        yield from leaves(inner, (*path, name))


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_is_there_and_has_help(capsys, verb):
    code, out, err = run(capsys, verb, "--help")
    assert (code, err) == (0, "")
    assert "--help" in out


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_says_what_it_does_and_what_its_options_mean(verb):
    for path, command in leaves(cli.load_verb(verb), (verb,)):
        assert (command.help or "").strip(), path
        silent = [parameter.name for parameter in command.params if not (getattr(parameter, "help", "") or "").strip()]
        assert silent == [], path


@pytest.mark.parametrize("verb", cli.VERBS)
def test_no_number_is_taken_that_no_code_can_use(verb):
    for path, command in leaves(cli.load_verb(verb), (verb,)):
        for parameter in command.params:
            if kind := {int, float} & {parameter.type_descriptor.annotation}:
                assert None not in (parameter.min, parameter.max), (path, parameter.name)
                assert kind == {int} or parameter.callback, (path, parameter.name)


NUMBERS = [
    ("logs", "show", "-n", "99999999999999999999"),
    ("logs", "show", "-n", "-1"),
    ("disk", "purge", "99999999999999999999999"),
    ("ledger", "wait", "--height", "9223372036854775808"),
    ("ledger", "verify", "--timeout", "nan"),
    ("record", "add", "x", "--timeout", "inf"),
    ("fleet", "status", "--timeout", "nan"),
    ("fleet", "run", "--connect-timeout", "NaN", "--", "status"),
]


@pytest.mark.parametrize("words", NUMBERS, ids=" ".join)
def test_an_impossible_number_is_a_usage_error(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    code, out, _ = run(capsys, words[0], words[1], "--json", *words[2:])
    assert (code, json.loads(out)["error"]["kind"]) == (2, "input")


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_speaks_json(verb):
    # The last ones are what units run: nobody reads their answer.
    speaks_to_people_only = {
        ("lab", "ssh"),
        ("lab", "tour"),
        ("lab", "upgrade"),
        ("lab", "vote"),
        ("disk", "guard"),
        ("exporter", "serve"),
        ("log-host", "serve"),
        ("mesh", "serve"),
        ("disk", "admit"),
    }
    for path, command in leaves(cli.load_verb(verb), (verb,)):
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options or path in speaks_to_people_only, path


def test_help_names_every_verb(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert [verb for verb in cli.VERBS if verb not in out] == []


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"nodeops {__version__}\n", "")


MISTAKES = {
    "no such verb": (["docment"], "Did you mean 'document'?"),
    "no such verb inside": (["document", "chek"], "Did you mean 'check'?"),
    "nothing like it": (["xyzzy"], "No such command 'xyzzy'"),
    "missing argument": (["document", "check"], "Missing argument"),
    "no such option": (["document", "check", "x", "--jsn"], "No such option"),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistyped_command_is_explained(capsys, arguments, said):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistyped_command_is_explained_to_machines(capsys, arguments, said):
    code, out, _ = run(capsys, *arguments, "--json")
    body = json.loads(out)
    assert (code, body["exit_code"], body["error"]["kind"]) == (2, 2, "input")
    assert said in body["error"]["what"]


@pytest.fixture
def failing(monkeypatch):
    """Return a function that makes the verb `status` raise."""

    def plant(error: BaseException) -> None:
        app = typer.Typer()

        @app.command()
        def raises(as_json: bool = typer.Option(False, "--json")) -> None:
            raise error

        monkeypatch.setattr(sys.modules[__name__], "app", app, raising=False)
        monkeypatch.setitem(cli.VERBS, "status", (__name__, "fails"))

    return plant


@pytest.mark.parametrize(("kind", "code"), [(InputError, 2), (HostError, 3), (Refused, 4), (Timeout, 5)])
def test_a_known_error_is_a_message_and_its_exit_code(capsys, failing, kind, code):
    failing(kind("the disk is small", where="cu-1"))
    assert run(capsys, "status") == (code, "", f"{kind.kind}: cu-1: the disk is small\n")


@pytest.mark.parametrize("kind", [InputError, HostError, Refused, Timeout])
def test_a_known_error_is_one_json_object(capsys, failing, kind):
    failing(kind("the disk is small", where="cu-1"))
    code, out, _ = run(capsys, "status", "--json")
    body = json.loads(out)
    assert (code, body["exit_code"]) == (kind.exit_code, kind.exit_code)
    assert (body["error"]["kind"], body["error"]["what"]) == (kind.kind, "the disk is small")


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]])
def test_an_interrupt_leaves_with_130(capsys, failing, arguments):
    failing(KeyboardInterrupt())
    assert run(capsys, *arguments)[0] == 130


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]])
def test_a_failed_finding_leaves_with_1(capsys, failing, arguments):
    failing(typer.Exit(1))
    assert run(capsys, *arguments)[0] == 1


LONG = """
import signal, sys, typer
# Who runs the tests may ignore signals (nohup, a background job); a child inherits that.
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
from nodeops import cli
from nodeops.host.command import run

app = typer.Typer()

@app.command()
def waits() -> None:
    # It reads first: what it is told comes once we are waiting for it.
    run(["/bin/sh", "-c", "read go; echo $$; exec sleep 1000"], timeout_seconds=1000, stdin=b"go\\n")

sys.modules["waiting"] = sys.modules["__main__"]
cli.VERBS["status"] = ("waiting", "waits")
cli.main(["status"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_what_was_started(number, tmp_path):
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    code = LONG.replace("echo $$", f"echo $$ > {fifo}")
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        started = int(fifo.read_text(encoding="ascii"))  # waits for the writer
        watched = os.pidfd_open(started)
        process.send_signal(number)
        try:
            assert process.wait(60) == 128 + number
        finally:
            process.kill()
    assert select.select([watched], [], [], 60)[0], "what it started is still there"
    os.close(watched)


def test_help_does_not_import_the_verbs():
    """Start-up time is a promise (`make bench`); the cause can be tested without a clock."""
    code = (
        "import sys\nfrom nodeops import cli\ntry:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\nprint(*sys.modules)"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert "nodeops.cli" in loaded
    assert not loaded & {"docker", "fabric", "cryptography", "ansible", "pydantic", "ruamel.yaml", "psutil"}


def test_no_verb_and_nothing_that_it_forks_leaves_a_core_file(monkeypatch):
    child = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    verb = f"lambda *_: subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    code = f"import subprocess, sys\nfrom nodeops import cli\ncli._run = {verb}\ncli.main(['backup', 'restore'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "(0, 0)"
    asked = []
    monkeypatch.setattr(cli.resource, "setrlimit", lambda which, limits: asked.append((which, limits)))
    monkeypatch.setattr(cli, "_run", lambda *_: asked.append("the verb"))
    cli.main(["backup", "restore"])
    assert asked == [(resource.RLIMIT_CORE, (0, 0)), "the verb"]
