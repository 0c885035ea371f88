"""Which program files processes run on, and whose unit they are."""

import shutil
import subprocess
from pathlib import Path

import pytest

from nodeops.host import mapped

GROUPS = [
    ("0::/system.slice/ssh.service\n", "ssh.service"),
    ("9:name=systemd:/\n0::/init.scope\n", "init.scope"),
    ("12:cpu:/\n1:name=systemd:/system.slice/ledger.service\n", "ledger.service"),
    ("0::/user.slice/user-0.slice/user@0.service/app.slice/dbus.service\n", "user@0.service"),
    ("0::/user.slice/user-0.slice/session-4.scope\n", "session-4.scope"),
    ("0::/system.slice/docker-0123.scope/system.slice/ssh.service\n", "docker-0123.scope"),
    ("0::/\n", ""),
]


@pytest.mark.parametrize(("group", "unit"), GROUPS)
def test_the_unit_is_the_outermost_one(group, unit):
    assert mapped.unit_of(group) == unit


def test_only_what_is_run_as_a_program_counts(tmp_path, monkeypatch):
    lines = [
        "7f00-7f01 r-xp 00000000 fe:00 1 /usr/lib/libc.so.6",
        "7f01-7f02 r--p 00000000 fe:00 1 /usr/lib/locale.archive (deleted)",
        "7f02-7f03 r-xp 00000000 fe:00 2 /usr/lib/a name.so (deleted)",
        "7f03-7f04 r-xp 00000000 00:01 3 /memfd:jit (deleted)",
        "7f04-7f05 r-xp 00000000 00:01 3 /tmp/x.so (deleted)",
        "7f05-7f06 r-xp 00000000 00:00 0 [vdso]",
        "7f06-7f07 rwxp 00000000 00:00 0",
    ]
    for pid, text in (("7", "\n".join(lines)), ("8", "7f05-7f06 r-xp 00000000 00:00 0 [vdso]\n")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "maps").write_text(text)
        (tmp_path / pid / "cgroup").write_text("0::/system.slice/a.service\n")
    (tmp_path / "9").mkdir()
    monkeypatch.setattr(mapped, "PROC", tmp_path)
    gone = frozenset({"/usr/lib/a name.so"})
    assert list(mapped.mapped()) == [mapped.Mapped(7, "a.service", frozenset({"/usr/lib/libc.so.6"}), gone)]


def test_a_program_that_was_replaced_is_seen_in_a_real_process(tmp_path, monkeypatch):
    program = Path(shutil.copy("/bin/cat", tmp_path / "cat"))
    monkeypatch.setattr(mapped, "_PROGRAMS", (str(tmp_path),))
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            # Who answers is mapped: it takes a moment after the process is there.
            process.stdin.write(b"here\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"here\n"
            assert [one.replaced for one in mapped.mapped() if one.pid == process.pid] == [frozenset()]
            shutil.copy("/bin/true", tmp_path / "new")
            (tmp_path / "new").replace(program)
            assert [one.replaced for one in mapped.mapped() if one.pid == process.pid] == [frozenset({str(program)})]
        finally:
            process.kill()
