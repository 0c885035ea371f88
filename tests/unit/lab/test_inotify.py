"""The machine's limit of inotify instances is raised when it is too low for a lab, and never lowered."""

from pathlib import Path

from nodeops.lab.inotify import make_room


def test_a_limit_that_is_too_low_is_raised_and_said(tmp_path: Path) -> None:
    limit, said = tmp_path / "limit", list[str]()
    limit.write_text("128\n")
    assert make_room(8, said.append, limit)
    raised = int(limit.read_text())
    assert raised > 128
    assert f"128 -> {raised}" in said[0]
    assert not make_room(8, said.append, limit)
    assert not make_room(2, said.append, limit)
    assert int(limit.read_text()) == raised
    assert len(said) == 1


def test_a_machine_that_does_not_let_us_is_left_and_told_how(tmp_path: Path) -> None:
    for text in (None, "no number"):
        limit, said = tmp_path / "limit", list[str]()
        if text:
            limit.write_text(text)
        assert not make_room(8, said.append, limit)
        assert "sysctl fs.inotify.max_user_instances=" in said[0]
