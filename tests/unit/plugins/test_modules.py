"""Our Ansible modules, run for real in this process with Ansible's own argument loading."""

import importlib.util
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from nodeops.host import names

MODULES = Path(__file__).parents[3] / "plugins" / "modules"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(name: str, check: bool = False, units: str = "", readers_folder: str = "", **arguments: Any) -> dict[str, Any]:
        spec = importlib.util.spec_from_file_location(name, MODULES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if units:
            module.UNITS = units  # type: ignore[attr-defined]
        if readers_folder:
            module.READERS = readers_folder  # type: ignore[attr-defined]
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return call


def owned(path: Path, content: str, **more: str) -> dict[str, str]:
    facts = path.parent.stat()
    me = {"owner": path.owner() if path.exists() else path.parent.owner(), "group": path.parent.group()}
    assert facts.st_uid == os.getuid()
    return {"dest": str(path), "content": content, **me, **more}


def test_files_are_written_once(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "made" / "a.conf"
    arguments = {"files": [{**owned(tmp_path / "x", ""), "dest": str(file), "content": "one\n", "mode": "0640"}]}
    assert run("nodeops_files", **arguments)["written"] == [str(file)]
    assert file.read_text() == "one\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert run("nodeops_files", **arguments)["changed"] is False


def test_check_mode_shows_the_difference_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text("old\n")
    answer = run("nodeops_files", check=True, files=[owned(file, "new\n")])
    assert answer["changed"]
    assert (answer["diff"][0]["before"], answer["diff"][0]["after"]) == ("old\n", "new\n")
    assert file.read_text() == "old\n"


def test_of_a_secret_no_difference_is_shown(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text("hunter1\n")
    for check in (True, False):
        answer = run("nodeops_files", check=check, files=[{**owned(file, "hunter2\n"), "secret": True}])
        assert answer["written"] == [str(file)]
        assert "hunter" not in json.dumps(answer["diff"])
    assert file.read_text() == "hunter2\n"


def test_a_secret_is_in_no_log_of_the_host_and_in_no_answer(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(basic.syslog, "syslog", lambda _, said: logged.append(said))
    files = [{**owned(tmp_path / "a.conf", "hunter2\n"), "secret": True}]
    answers = [run("nodeops_files", check=check, files=files) for check in (True, False, False)]
    answers.append(run("nodeops_files", files=[{**files[0], "content": "hunter3", "validate": "false"}]))
    assert (answers[-1]["failed"], [one.get("changed") for one in answers]) == (True, [True, True, False, None])
    assert len(logged) == 4
    assert "hunter" not in json.dumps([logged, answers])


def test_mode_alone_is_a_difference(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text("same\n")
    file.chmod(0o666)
    assert run("nodeops_files", files=[owned(file, "same\n", mode="0600")])["changed"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_written_once_is_never_replaced(run: Run, tmp_path: Path) -> None:
    file, other = tmp_path / "genesis.json", tmp_path / "a.conf"
    once = {**owned(file, "ours\n"), "once": True}
    assert run("nodeops_files", files=[once])["written"] == [str(file)]
    assert run("nodeops_files", files=[once])["changed"] is False
    file.write_text("another controller's\n")
    for check in (True, False):
        assert "it is never replaced" in run("nodeops_files", check=check, files=[owned(other, "x"), once])["msg"]
    assert (file.read_text(), other.exists()) == ("another controller's\n", False)


def test_one_invalid_file_leaves_all_as_they_were(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("old\n")
    files = [owned(good, "new\n"), owned(bad, "broken\n", validate="grep -q fine %s")]
    answer = run("nodeops_files", files=files)
    assert answer["failed"]
    assert "nothing was changed" in answer["msg"]
    assert good.read_text() == "old\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["good"]


def test_an_unknown_owner_changes_nothing(run: Run, tmp_path: Path) -> None:
    answer = run("nodeops_files", files=[owned(tmp_path / "a", "x", owner="no-such-user")])
    assert answer["failed"]
    assert not list(tmp_path.iterdir())


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(run: Run, tmp_path: Path) -> None:
    victim, file = tmp_path / "victim", tmp_path / "file"
    victim.write_text("precious\n")
    file.symlink_to(victim)
    run("nodeops_files", files=[owned(file, "ours\n")])
    assert victim.read_text() == "precious\n"
    assert not file.is_symlink()


def test_links_and_absent_files(run: Run, tmp_path: Path) -> None:
    link, gone = tmp_path / "current", tmp_path / "gone"
    link.symlink_to("v1")
    gone.write_text("x")
    arguments = {"links": [{"path": str(link), "target": "v2"}], "absent": [str(gone)]}
    assert run("nodeops_files", **arguments)["written"] == [str(link), str(gone)]
    assert str(link.readlink()) == "v2"
    assert run("nodeops_files", **arguments)["changed"] is False


def test_converge_commands_run_every_time_but_not_in_check_mode(run: Run, tmp_path: Path) -> None:
    command = ["sh", "-c", f"echo ran >> {tmp_path}/log"]
    run("nodeops_files", converge=[command])
    run("nodeops_files", converge=[command])
    run("nodeops_files", check=True, converge=[command])
    assert (tmp_path / "log").read_text() == "ran\nran\n"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """A `systemctl` that says NeedDaemonReload=`word` of any unit; the function gives what it was asked since the last time."""
    log, command = tmp_path / "asked", tmp_path / "bin/systemctl"
    command.parent.mkdir()
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")

    def says(word: str) -> list[str]:
        asked = log.read_text().splitlines() if log.exists() else []
        log.write_text("")
        command.write_text(f"#!/bin/sh\necho $* >> {log}; [ $1 != show ] || echo NeedDaemonReload={word}\n")
        command.chmod(0o755)
        return asked

    says("no")
    return says


def test_systemd_is_reloaded_after_a_write_and_only_then(run: Run, tmp_path: Path, systemd: Callable[[str], list[str]]) -> None:
    units = f"{tmp_path}/units/"
    file = {**owned(tmp_path / "x", "[Unit]\n"), "dest": f"{units}a.service"}
    wanted = {"path": f"{units}multi-user.target.wants/a.service", "target": "a"}
    drop_in = {**file, "dest": f"{units}b.service.d/10-a.conf"}
    arguments = {"files": [file, drop_in], "links": [wanted]}
    run("nodeops_files", units=units, **arguments)
    assert systemd("no") == ["daemon-reload"]
    run("nodeops_files", units=units, **arguments)
    assert systemd("yes") == ["show --property=NeedDaemonReload -- a.service b.service"]
    # A run was killed after it wrote and before it reloaded.
    run("nodeops_files", units=units, **arguments)
    assert systemd("no")[-1] == "daemon-reload"
    run("nodeops_files", units=units, absent=[file["dest"]])
    assert systemd("no") == ["daemon-reload"]


def test_systemd_is_left_alone_by_other_files_and_in_check_mode(
    run: Run, tmp_path: Path, systemd: Callable[[str], list[str]]
) -> None:
    run("nodeops_files", units=f"{tmp_path}/units/", files=[owned(tmp_path / "a", "x")])
    run("nodeops_files", units=f"{tmp_path}/", check=True, files=[owned(tmp_path / "a.service", "x")])
    assert systemd("no") == []


def test_a_unit_that_was_not_started_anew_is_told_until_it_is_also_after_a_run_that_ended_before(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, folder = tmp_path / "bin/systemctl", f"{tmp_path}/readers/"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\necho InvocationID=$(cat {tmp_path}/start)\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    file, other = owned(tmp_path / "a.conf", "one"), owned(tmp_path / "b.conf", "one")
    readers = {"a.service": [file["dest"]], "b.service": [other["dest"]]}

    def outdated(**more: Any) -> list[str]:
        answer = run("nodeops_files", readers_folder=folder, **{"files": [file, other], "readers": readers, **more})
        return list(answer["outdated"])

    (tmp_path / "start").write_text("first")
    assert outdated(check=True) == ["a.service", "b.service"]
    assert not Path(folder).exists()
    # Nobody starts them anew: a run was killed, or another host ended it.
    assert [outdated(), outdated(), outdated(check=True)] == [["a.service", "b.service"]] * 3
    (tmp_path / "start").write_text("second")
    assert outdated() == []
    other["content"] = "two"
    assert [outdated(check=True), outdated()] == [["b.service"]] * 2
    (tmp_path / "start").write_text("third")
    assert [outdated(), outdated(files=[file], absent=[other["dest"]]), outdated(files=[file])] == [
        [],
        ["b.service"],
        ["b.service"],
    ]
    # One that cannot run here, as systemd-timesyncd in a container, is not told for ever.
    (tmp_path / "start").write_text("")
    file["content"] = "two"
    assert [outdated(files=[file]), outdated(files=[file])] == [["a.service"], []]


def test_no_role_decides_by_what_it_wrote_itself_whether_a_unit_is_started_anew() -> None:
    """That is forgotten where a run ends in between; the ledger's files have their digest in its process."""
    found = [file for file in (MODULES.parents[1] / "roles").rglob("tasks/*.yml") if ".written" in file.read_text()]
    assert found == []


def test_observe_sees_a_listening_socket_and_its_process(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        seen = run("nodeops_observe", ports=[port])["observed"]["listening"]
    assert [(entry["port"], entry["address"]) for entry in seen] == [(port, "127.0.0.1")]
    assert seen[0]["process"]


def test_observe_names_files_links_and_room(run: Run, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"abc")
    (tmp_path / "current").symlink_to("v1")
    answer = run(
        "nodeops_observe",
        hash=[str(tmp_path / "binary"), str(tmp_path / "none")],
        links=[str(tmp_path / "current"), str(tmp_path / "none")],
        filesystems=[str(tmp_path / "not" / "yet")],
    )
    assert answer["hashes"][str(tmp_path / "binary")] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert answer["hashes"][str(tmp_path / "none")] is None
    assert answer["targets"] == {str(tmp_path / "current"): "v1", str(tmp_path / "none"): None}
    assert answer["observed"]["filesystems"][0]["free_bytes"] > 0


def test_observe_knows_what_is_missing_and_what_another_package_provides(run: Run) -> None:
    # Every Debian has mawk or another that provides awk.
    asked = ["base-files", "no-such-package", "no-such-package | base-files", "no-such-awk | awk", "one-absent | other-absent"]
    missing = run("nodeops_observe", packages=asked)["observed"]["packages_missing"]
    assert missing == ["no-such-package", "one-absent"]


def test_observe_asks_the_program_it_is_given_who_has_the_names(run: Run) -> None:
    program = Path(names.__file__).read_text(encoding="utf-8")
    asked = {"user": "daemon", "paths": ["/etc"], "unit": "none.service"}
    found = run("nodeops_observe", names_program=program, names=asked)["observed"]["names"]
    assert (found["account"]["uid"], found["paths"][0]["owner"]) == (1, "root")


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ("installed sudo, \ninstalled systemd-timesyncd, time-daemon\n", []),
        ("installed sudo, \n", ["systemd-timesyncd"]),
        # Ours would remove the one that is there.
        ("installed sudo, \ninstalled chrony, time-daemon\n", []),
        ("installed ntpsec, ntp, time-daemon (= 1)\n", ["sudo"]),
        ("installed sudo, \nconfig-files chrony, time-daemon\n", ["systemd-timesyncd"]),
    ],
)
def test_any_program_that_keeps_the_clock_will_do(rows: str, missing: list[str]) -> None:
    spec = importlib.util.spec_from_file_location("observe", MODULES / "nodeops_observe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Fake:
        """Answers as dpkg-query does."""

        def run_command(self, words: list[str]) -> tuple[int, str, str]:
            return 0, rows, ""

    assert module.missing_packages(Fake(), ["sudo", "systemd-timesyncd | time-daemon"]) == missing
