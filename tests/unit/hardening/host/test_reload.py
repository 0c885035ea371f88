"""Whether a process has read its files: told from times of the system, whoever made it read them."""

import os
import signal
import subprocess
import sys

import pytest

from nodeops.core.errors import HostError
from nodeops.hardening.host import reload
from nodeops.host.process import sockets_listening
from nodeops.host.units.unit_settings import UnitSettings, _ended_well

# As `systemctl show --timestamp=us+utc --property=ExecReload` of Debian 12 says it, the last of two commands.
KILLED = (
    "{ path=/bin/kill ; argv[]=/bin/kill -HUP $MAINPID ; ignore_errors=no ; start_time=[Sat 2026-11-28 09:48:58.859943 UTC] ; "
    "stop_time=[Sat 2026-11-28 09:48:58.863781 UTC] ; pid=290 ; code=exited ; status=0 }"
)
NEVER = (
    "{ path=/bin/kill ; argv[]=/bin/kill -HUP $MAINPID ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; "
    "code=(null) ; status=0/0 }"
)


@pytest.mark.parametrize(
    ("said", "moment"),
    [(KILLED, 1795859338.859943), (NEVER, None), ("", None), (KILLED.replace("status=0", "status=1"), None)],
)
def test_a_reload_counts_when_it_ended_well(said, moment):
    assert _ended_well(said) == moment


@pytest.mark.parametrize(
    ("started", "reloaded", "hung_up", "current"),
    [
        (100, None, 0, False),
        (100, 300, 0, True),
        (100, 150, 0, False),
        (100, None, 300, True),
        (300, None, 0, True),
        (None, None, 0, True),
    ],
)
def test_sshd_is_current_by_its_start_a_reload_or_a_signal(monkeypatch, started, reloaded, hung_up, current):
    monkeypatch.setattr(reload, "unit_settings", lambda _: UnitSettings((), started, reloaded, 1))
    monkeypatch.setattr(reload, "_hung_up", lambda _: hung_up)
    monkeypatch.setattr(reload, "changed", lambda _, __: 200.0)
    assert reload.is_current("ssh.service", "/etc/ssh/sshd_config") is current


def test_a_reload_does_not_put_a_drop_in_of_the_unit_in_force(monkeypatch):
    monkeypatch.setattr(reload, "unit_settings", lambda _: UnitSettings((), 100.0, 300.0, 1))
    assert reload.in_force_since("ssh.service", "/etc/systemd/system/ssh.service.d/90-nodeops.conf") == 100.0


def test_what_is_moved_in_or_taken_out_is_a_change_and_the_future_is_none(tmp_path):
    folder = tmp_path / "sshd_config.d"
    folder.mkdir()
    file = folder / "a.conf"
    file.write_text("")
    os.utime(file, (100, 100))
    moved = file.stat().st_ctime
    assert reload.changed([file], moved) == moved, "it has an old time, and came just now"
    os.utime(folder, (moved + 50, moved + 50))
    assert reload.changed([folder, file], moved + 60) == moved + 50
    assert reload.changed([folder, file], moved + 10) == moved
    assert reload.changed([tmp_path / "absent"], moved) == 0.0


# As sshd does on SIGHUP: it lets go of its sockets, and takes new ones after a while, here fewer. Without one it keeps them.
ANEW = """
import signal, socket, sys, time

def opened(many):
    return [socket.create_server(("127.0.0.1", 0)) for _ in range(many)]

def again(*_):
    global ears
    for one in ears:
        one.close()
    time.sleep(0.3)
    ears = opened(1)

ears = opened(2)
signal.signal(signal.SIGHUP, again)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.fixture
def server():
    with subprocess.Popen([sys.executable, "-c", ANEW], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        process.kill()


def test_a_server_that_starts_itself_anew_is_waited_for(server):
    before = sockets_listening(server)
    assert len(before) == 2
    os.kill(server, signal.SIGHUP)
    reload.await_new_sockets(server, before, seconds=20)
    after = sockets_listening(server)
    assert (len(after), after & before) == (1, frozenset())


def test_one_that_never_listens_again_is_told(server):
    with pytest.raises(HostError, match="does not listen again"):
        reload.await_new_sockets(server, sockets_listening(server), seconds=0.2)
