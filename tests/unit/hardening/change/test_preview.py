"""Which programs judge a change before it is made."""

import pytest

from nodeops.hardening.change.preview import _judges
from nodeops.hardening.host.states import file_state

DROP_IN = "/etc/systemd/system/a.service.d/90-nodeops.conf"


@pytest.mark.parametrize(
    ("new", "units"),
    [
        ({DROP_IN: file_state("[Service]\n", 0o644)}, ["a.service"]),
        # The package may be gone already, and its unit with it.
        ({DROP_IN: None}, []),
        ({"/etc/issue": file_state("hello\n", 0o644)}, []),
    ],
)
def test_units_are_judged_whose_drop_in_is_written(new, units):
    asked = [command for command in _judges(new) if "systemd-analyze" in command[0]]
    assert [unit for command in asked for unit in command[3:]] == units
