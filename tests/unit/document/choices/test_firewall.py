"""What may be chosen about who logs in: networks of people, not everybody under another spelling."""

import pytest
from pydantic import ValidationError

from nodeops.document.choices.firewall import FirewallChoices


@pytest.mark.parametrize("network", ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "2001::/16"])
def test_operators_come_from_networks_that_an_organisation_has(network):
    assert FirewallChoices.model_validate({"operators": [network]}).operators[0].startswith(network)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/7", "::/0", "2000::/3"])
def test_nearly_everybody_is_no_operator(network):
    with pytest.raises(ValidationError, match="is nearly everybody: networks of operators are /8 or smaller"):
        FirewallChoices.model_validate({"operators": [network]})


def test_everybody_may_be_a_client():
    assert FirewallChoices.model_validate({"clients": ["0.0.0.0/0"]}).clients == ["0.0.0.0/0"]
