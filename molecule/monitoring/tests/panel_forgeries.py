"""What one host could say to make a picture of all look well, or ill: series, and what the panel shows all the same.

The host that lies is called evil, and says everything many times over (rule_forgeries.py). Looked at after ten minutes.
"""

from rule_forgeries import HEAD, HEIGHT, MARGIN, again, all_say, said

AT_MINUTES = 10
_STANDS, _GROWS = "0x400", "0+15x400"
_FAILED = "alertmanager_notifications_failed_total"


def lied(name: str, values: str, evil: str, nodes: str = "abc") -> dict[str, str]:
    """Return what nodes say, and what one more does."""
    return {**all_say(name, values, nodes=nodes), **again({said(name, "evil"): evil})}


_BEHIND = {**all_say(HEAD, _STANDS, nodes="cd"), **all_say("ledger_lag_blocks", "21x400", nodes="cd")}
# Dashboard and title of a panel: series, and the value that is shown.
FORGERIES: dict[tuple[str, str], list[tuple[dict[str, str], float]]] = {
    ("nodeops-fleet", "Newest block"): [
        (lied(HEAD, "-90x400", _GROWS), 690),
        (lied(HEAD, _GROWS, "-90x400"), 0),
        # Who knows that it is behind says nothing of the chain, as for the alert.
        ({**all_say(HEAD, _GROWS, nodes="a"), **_BEHIND}, 0),
    ],
    ("nodeops-fleet", "Power that may be lost"): [(lied(MARGIN, "1x400", "0x400"), 1), (lied(MARGIN, "0x400", "9x400"), 0)],
    ("nodeops-consensus", "Newest block"): [(lied(HEAD, "-90x400", _GROWS), 690)],
    ("nodeops-consensus", "May be lost"): [(lied(MARGIN, "1x400", "-5x400"), 1)],
    ("nodeops-consensus", "Live"): [(lied("quorum_live_power", "4x400", "0x400"), 4)],
    ("nodeops-consensus", "Voting power"): [(lied("quorum_total_power", "4x400", "0x400"), 4)],
    ("nodeops-consensus", "Time between blocks"): [(lied(HEIGHT, "0+5x400", "0+5000x400"), 3)],
    ("nodeops-consensus", "Nodes that catch up"): [(lied("ledger_catching_up", "1x400", "-1x400", "ab"), 2)],
    ("nodeops-usage", "Transactions a second"): [(lied("ledger_transactions_total", _GROWS, "0+15000x400"), 1)],
    ("nodeops-usage", "Blocks, 1 day"): [(lied(HEIGHT, "100+1x400", "0+5000x400"), 40)],
    ("nodeops-security", "Firewalls off"): [
        (lied("firewall_loaded", "0x400", "2x400", "ab"), 2),
        # It is one that is off, however often it says so.
        (lied("firewall_loaded", "1x400", "0x400"), 1),
    ],
    ("nodeops-backup", "Nodes whose last try failed"): [(lied("backup_failed", "1x400", "-1x400", "ab"), 2)],
    ("nodeops-monitoring", "Collectors that fail"): [(lied("collector_up", "0x400", "3x400", "ab"), 2)],
    ("nodeops-monitoring", "Messages not delivered"): [
        ({f'{_FAILED}{{job="monitor"}}': "0x400", f'{_FAILED}{{job="nodeops",node="evil"}}': _GROWS}, 0)
    ],
}
