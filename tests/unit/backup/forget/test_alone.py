"""The unit that removes old backups gets the words that a person gave."""

import os
from pathlib import Path

import pytest

from nodeops.backup.forget import cli


def test_a_reason_with_a_dollar_reaches_the_book_as_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd fills in ${VARIABLES} in the words of a unit, and `$WORD` that stands alone; `$$` is a dollar."""
    begun: list[str] = []
    monkeypatch.setattr(os, "execvp", lambda _, words: begun.extend(words))
    monkeypatch.setattr("sys.argv", ["nodeops", "backup", "forget", "a-1", "--because", "it costs $5 ${HOME} 100 %"])
    cli._begin_alone(Path("/srv/a-1"))
    own = begun[begun.index("--") + 1 :]
    assert own[1:] == ["backup", "forget", "a-1", "--because", "it costs $$5 $${HOME} 100 %", "--alone"]
