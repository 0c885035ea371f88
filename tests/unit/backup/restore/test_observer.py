"""A node that catches up with throw-away keys is told where its signing state is by a variable that its program reads."""

from pathlib import Path

from nodeops.backup.restore.quarantine import Quarantine
from nodeops.document.load import load_consortium
from nodeops.document.profile import load_profile
from nodeops.document.resolve import resolve
from nodeops.ledger.identity.files import Layout
from tests.contract.rules.tree import ROOT
from tests.unit.firewall.samples import document


def test_the_variable_has_the_beginning_that_the_program_reads_on_the_lab_and_on_the_sample() -> None:
    """Of the lever of the log's level it is known that the program takes it."""
    home = Path("/var/lib/ledger")
    at = Layout(home / "keys", home / "keys/node_key.json", home / "keys/validator.json", home, home / "s.json", (0, 0))
    lab = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
    for one, platform in ((lab, "cosmos"), (document(), "cometbft")):
        lever = load_profile(platform).log.lever
        assert one.ledger.platform == platform
        assert lever is not None
        unit = Quarantine(one, at)._observer_unit(Path("/config"))
        assert f"\nEnvironment={lever.variable.removesuffix('LOG_LEVEL')}PRIV_VALIDATOR_STATE_FILE=" in unit
