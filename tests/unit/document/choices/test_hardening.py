"""What may be chosen about hardening: a log host by which it is reached and trusted."""

import pytest
from pydantic import ValidationError

from nodeops.document.choices.hardening import LogHost

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\nAAA=\n-----END CERTIFICATE-----\n"
GOOD = {
    "a name": ({"address": "logs.example.org", "authority": PEM}, "logs.example.org"),
    "an address": ({"address": "192.0.2.40", "name": "logs", "authority": PEM}, "logs"),
    "IPv6": ({"address": "2001:db8::40", "name": "logs", "authority": PEM * 2}, "logs"),
}
BAD = {
    "an address alone": ({"address": "192.0.2.40"}, "needs the name"),
    "IPv6 alone": ({"address": "2001:db8::40"}, "needs the name"),
    "a quote": ({"address": "logs", "name": 'logs" x="'}, "pattern"),
    "no certificate": ({"address": "logs", "authority": "/etc/ssl/ca.pem"}, "is not a certificate in PEM"),
    "a key": ({"address": "logs", "authority": PEM.replace("CERTIFICATE", "PRIVATE KEY")}, "is not a certificate in PEM"),
    "hardly a queue": ({"address": "logs", "queue_bytes": 1000}, "greater than or equal"),
    "loopback": ({"address": "127.0.0.1", "name": "logs"}, "cannot connect to"),
    "an unknown key": ({"address": "logs", "protocol": "udp"}, "Extra inputs"),
}


@pytest.mark.parametrize(("given", "name"), GOOD.values(), ids=GOOD)
def test_a_log_host_has_a_name_that_its_certificate_says(given, name):
    assert LogHost.model_validate(given).certified_name == name


@pytest.mark.parametrize(("given", "said"), BAD.values(), ids=BAD)
def test_a_log_host_that_cannot_be_is_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        LogHost.model_validate({"authority": PEM, **given})
