"""What may be chosen for a monitor: each mistake is named with its variable, and no secret is said."""

from datetime import UTC, datetime

import pytest

from nodeops.core.errors import InputError
from nodeops.document.choices.monitoring import check_monitoring
from nodeops.exporter.certificates import key_text, new_key, self_signed

KEY = new_key()
CERTIFICATE = self_signed("people", "192.0.2.1", KEY, datetime(2026, 12, 1, tzinfo=UTC)).decode()
SECRET = "hunter2"
WINDOW = {"from": "2026-12-01T20:00:00Z", "until": "2026-12-01T22:00:00Z", "why": "new disks"}
WEB, SLACK, PAGER = (
    "monitoring_receiver.webhook_configs[0]",
    "monitoring_receiver.slack_configs[0]",
    "monitoring_critical_receiver",
)
MAIL = {"to": "a@example.org", "from": "b@example.org", "smarthost": "mail.example.org:587"}
GOOD = {
    "nothing": {},
    "the least": {"monitoring_scrape_seconds": 5, "monitoring_retention": "1h30m"},
    "the most": {"monitoring_scrape_seconds": "30", "monitoring_retention": "1y"},
    "a client": {"monitoring_clients": [CERTIFICATE]},
    "a bundle of clients": {"monitoring_clients": [CERTIFICATE * 2]},
    "windows": {"monitoring_maintenance": [WINDOW, {**WINDOW, "nodes": ["cu-1", "mon"]}]},
    "secrets in files": {
        "monitoring_receiver": {
            "email_configs": [{**MAIL, "auth_username": "b", "auth_password_file": "/etc/prometheus/mail.txt"}]
        },
        "monitoring_critical_receiver": {"pagerduty_configs": [{"routing_key_file": "/etc/prometheus/pager.txt"}]},
        "monitoring_organisations": {"cu": {"slack_configs": [{"api_url_file": "/etc/prometheus/slack.txt"}]}},
        "monitoring_remote_write": [{"url": "https://store.example.org", "basic_auth": {"username": "m", "password_file": "/x"}}],
    },
    # The same words, where they are no secret.
    "no secrets": {
        "monitoring_receiver": {"opsgenie_configs": [{"api_url": "https://eu.example.org", "api_key_file": "/x"}]},
        "monitoring_critical_receiver": {"victorops_configs": [{"routing_key": "network", "api_key_file": "/x"}]},
    },
}
# The mistake, its place, and what is said of it.
BAD = {
    "asked too seldom": ({"monitoring_scrape_seconds": 60}, "monitoring_scrape_seconds", "from 5 to 30"),
    "asked all the time": ({"monitoring_scrape_seconds": 1}, "monitoring_scrape_seconds", "from 5 to 30"),
    "asked never": ({"monitoring_scrape_seconds": "15s"}, "monitoring_scrape_seconds", "no number of seconds"),
    "days without a unit": ({"monitoring_retention": 90}, "monitoring_retention", "such as 90d"),
    "units in another order": ({"monitoring_retention": "1h90d"}, "monitoring_retention", "the longest first"),
    "no time at all": ({"monitoring_retention": "0d"}, "monitoring_retention", "is no duration"),
    "rubbish of a client": ({"monitoring_clients": ["grafana"]}, "monitoring_clients[0]", "is no certificate"),
    "rubbish in a certificate": (
        {"monitoring_clients": [CERTIFICATE, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]},
        "monitoring_clients[1]",
        "is no certificate",
    ),
    "a key for a certificate": ({"monitoring_clients": [CERTIFICATE + key_text(KEY).decode()]}, "monitoring_clients[0]", "PEM"),
    "one client": ({"monitoring_clients": CERTIFICATE}, "monitoring_clients", "is no list"),
    "an organisation that is none": ({"monitoring_organisations": {"wx-typo": {}}}, "monitoring_organisations", "cu, wx"),
    "a node that is none": (
        {"monitoring_maintenance": [WINDOW, {**WINDOW, "nodes": ["cu-9"]}]},
        "monitoring_maintenance[1].nodes",
        "cu-1, mon",
    ),
    "a pattern of nodes": (
        {"monitoring_maintenance": [{**WINDOW, "nodes": [".*"]}]},
        "monitoring_maintenance[0].nodes",
        "no host .*",
    ),
    "an end before its beginning": (
        {"monitoring_maintenance": [{**WINDOW, "until": WINDOW["from"]}]},
        "monitoring_maintenance[0]",
        "not after it begins",
    ),
    "another time": ({"monitoring_maintenance": [{**WINDOW, "from": "20:00"}]}, "monitoring_maintenance[0].from", "is no time"),
    "no end": (
        {"monitoring_maintenance": [{"from": WINDOW["from"], "why": "x"}]},
        "monitoring_maintenance[0].until",
        "None is no",
    ),
    "no reason": ({"monitoring_maintenance": [{**WINDOW, "why": " "}]}, "monitoring_maintenance[0].why", "in words"),
    "an unknown key": ({"monitoring_maintenance": [{**WINDOW, "node": "cu-1"}]}, "monitoring_maintenance[0]", "unknown key node"),
    "no window": ({"monitoring_maintenance": ["tonight"]}, "monitoring_maintenance", "a list with from, until"),
    "a password of mail": (
        {"monitoring_organisations": {"cu": {"email_configs": [{**MAIL, "auth_password": SECRET}]}}},
        "monitoring_organisations.cu.email_configs[0].auth_password",
        "auth_password_file",
    ),
    "credentials of a hook": (
        {"monitoring_receiver": {"webhook_configs": [{"http_config": {"authorization": {"credentials": SECRET}}}]}},
        f"{WEB}.http_config.authorization.credentials",
        "credentials_file",
    ),
    "a password in an address": (
        {"monitoring_receiver": {"webhook_configs": [{"url": f"https://me:{SECRET}@example.org"}]}},
        f"{WEB}.url",
        "password_file",
    ),
    "Slack's address": ({"monitoring_receiver": {"slack_configs": [{"api_url": SECRET}]}}, f"{SLACK}.api_url", "api_url_file"),
    "a pager's key": (
        {PAGER: {"pagerduty_configs": [{"routing_key": SECRET}]}},
        f"{PAGER}.pagerduty_configs[0].routing_key",
        "routing_key_file",
    ),
    "a password of a store": (
        {"monitoring_remote_write": [{"url": "https://store.example.org", "basic_auth": {"username": "m", "password": SECRET}}]},
        "monitoring_remote_write[0].basic_auth.password",
        "password_file",
    ),
}


@pytest.mark.parametrize("settings", GOOD.values(), ids=GOOD)
def test_what_can_be_meant_passes(settings):
    check_monitoring(settings, ["cu", "wx"], ["cu-1", "mon"])


@pytest.mark.parametrize(("settings", "where", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_meant_is_refused_by_its_place(settings, where, said):
    with pytest.raises(InputError) as found:
        check_monitoring(settings, ["cu", "wx"], ["cu-1", "mon"])
    assert str(found.value).startswith(f"{where}: ")
    assert said in str(found.value)
    assert SECRET not in str(found.value)


def test_all_mistakes_are_said_at_once():
    with pytest.raises(InputError) as found:
        check_monitoring({"monitoring_retention": 90, "monitoring_scrape_seconds": 60}, [], [])
    assert {"monitoring_retention", "monitoring_scrape_seconds"} <= {line.split(":")[0] for line in str(found.value).split("\n")}
