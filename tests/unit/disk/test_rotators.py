"""A rule of logrotate on the ledger's log is found before it bites; the real logrotate is asked."""

import pytest

from nodeops.core.finding import Verdict
from nodeops.disk import rotators
from nodeops.disk.rotators import matching, patterns, rotator_finding
from nodeops.logstore.naming import segment_name

LOG = "/var/log/ledger/ledger.log"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/var/log/ledger/*.log", True),
        ("/var/log/ledger/ledger.log", True),
        ("/var/log/*/*.log", True),
        ("/var/log/ledger/ledger.[lm]og", True),
        ("/var/log//ledger/*.log", True),
        ("/var/log/nginx/../ledger/*.log", True),
        ("/var/log/*.log", False),
        ("/var/log/nginx/*.log", False),
        ("/var/log/ledger/*.gz", False),
    ],
)
def test_a_pattern_is_for_the_log_or_not(pattern, found):
    assert matching(pattern, [LOG]) is found


def test_a_pattern_for_sealed_segments_is_found_by_the_names_that_they_have():
    segment = f"/var/log/ledger/sealed/{segment_name('ledger', 0, 1)}"
    assert matching("/var/log/ledger/sealed/*.zst", [segment]) and matching("/var/log/ledger/sealed/*", [segment])


def test_what_logrotate_says_is_read():
    said = "Handling 2 logs\n\nrotating pattern: /var/log/a/*.log /b  after 1 days (4 rotations)\nconsidering log /b\n"
    assert list(patterns(said)) == ["/var/log/a/*.log", "/b"]


@pytest.mark.skipif(not rotators._PROGRAM.exists(), reason="logrotate is not installed: apt-get install logrotate")
@pytest.mark.parametrize(("rule", "verdict"), [("/var/log/ledger/*.log", Verdict.FAIL), ("/var/log/nginx/*.log", Verdict.PASS)])
def test_logrotate_itself_is_asked(tmp_path, monkeypatch, rule, verdict):
    folder, whole = tmp_path / "logrotate.d", tmp_path / "logrotate.conf"
    folder.mkdir()
    (folder / "theirs").write_text(f"{rule} {{\n  daily\n  copytruncate\n}}\n")
    whole.write_text(f"weekly\ninclude {folder}\n")
    monkeypatch.setattr(rotators, "CONFIGURATION", whole)
    monkeypatch.setattr(rotators, "FOLDER", folder)
    found = rotator_finding([LOG])
    assert found.verdict is verdict
    assert verdict is Verdict.PASS or found.actual == f"{folder}/theirs: {rule}"


@pytest.mark.skipif(not rotators._PROGRAM.exists(), reason="logrotate is not installed: apt-get install logrotate")
def test_a_rule_that_leads_there_by_a_link_is_found(tmp_path, monkeypatch):
    log = tmp_path / "ledger/ledger.log"
    log.parent.mkdir()
    log.touch()
    (tmp_path / "other").symlink_to("ledger")
    whole = tmp_path / "logrotate.conf"
    whole.write_text(f"{tmp_path}/other/*.log {{\n  daily\n  copytruncate\n}}\n")
    monkeypatch.setattr(rotators, "CONFIGURATION", whole)
    found = rotator_finding([str(log)])
    assert found.verdict is Verdict.FAIL and found.actual.endswith(f"{tmp_path}/other/*.log")
