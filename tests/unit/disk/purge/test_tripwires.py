"""Names that databases and keys have raise the alarm; names of segments never do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.printable import shown
from nodeops.disk.purge.tripwires import alarm, is_tripwire
from nodeops.logstore.naming import is_segment_name, is_unfinished_name, segment_name


@given(st.text())
def test_shown_names_are_printable_and_short(name):
    assert shown(name).isprintable()
    assert len(shown(name)) <= 123


TRIPWIRES = [
    "000005.ldb",
    "000005.sst",
    "000005.SST",
    "MANIFEST-000004",
    "MANIFEST",
    "CURRENT",
    "LOCK",
    "LOG",
    "LOG.old.17",
    "IDENTITY",
    "OPTIONS-000007",
    "000002.log",
    "ledger.log",
    "cs.wal",
    "x.wal",
    "wal",
    "000001.vlog",
    "KEYREGISTRY",
    "state.db",
    "keystore",
    "Keystore",
    "nodekey",
    "node_key.json",
    "node_key",
    "priv_validator_key.json",
    "priv_validator_state.json",
    "UTC--2026-01-01T00-00-00Z--ab",
    "server.pem",
    "server.key",
    "SERVER.KEY",
    "3f_sk",
    "store.p12",
    "store.pfx",
    "store.jks",
    "id_ed25519",
    "chaindata",
    "ancient.0000.cdat",
    "headers.0001.rdat",
]


@pytest.mark.parametrize("name", TRIPWIRES)
def test_names_of_databases_and_keys_are_known(name):
    assert is_tripwire(name)


@pytest.mark.parametrize(
    "name", ["ledger.0000000000000000-00000000000000c8.zst", ".ledger.0-1.zst.tmp", "index.sqlite", "current", "README", "x.txt"]
)
def test_other_names_are_no_alarm(name):
    assert not is_tripwire(name)


@given(st.text("abklorsuwy-", min_size=1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_no_segment_is_an_alarm(stream, start, end):
    assert not is_tripwire(segment_name(stream, start, end))
    assert is_segment_name(segment_name(stream, start, end)) != stream.startswith("-")


def test_names_of_segments_that_are_written_are_known():
    name = segment_name("ledger", 0, 200)
    assert is_unfinished_name(f".{name}.tmp")
    assert not any(map(is_unfinished_name, [name, f"{name}.tmp", f".{name}", "..tmp", ".tmp", ""]))


def test_an_alarm_names_what_was_found_and_cannot_write_to_the_screen():
    assert alarm(["wal", "CURRENT\x1b[2J"]).endswith(r": CURRENT\x1b[2J, wal")
