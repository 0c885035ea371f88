"""Who may be connected at once, in all and from one address."""

import pytest

from nodeops.core.guests import Guests

CASES = {
    "nobody": ([], "10.0.0.1", False),
    "less than one may": (["10.0.0.1"], "10.0.0.1", False),
    "as many as one may": (["10.0.0.1"] * 2, "10.0.0.1", True),
    "another has its own places": (["10.0.0.1"] * 2, "10.0.0.2", False),
    "as many as all may": (["10.0.0.1"] * 2 + ["10.0.0.2"], "10.0.0.3", True),
    "a network of IPv6 is one": (["2001:db8::1", "2001:db8::2"], "2001:db8::ffff:1", True),
    "the next network is another": (["2001:db8::1", "2001:db8::2"], "2001:db8:0:1::1", False),
    "IPv4 within IPv6 is IPv4": (["::ffff:10.0.0.1", "10.0.0.1"], "::ffff:10.0.0.1", True),
    "IPv4 within IPv6 is no network of all": (["::ffff:10.0.0.1"] * 2, "::ffff:10.0.0.2", False),
    "a zone": (["fe80::1%eth0", "fe80::1"], "fe80::1%eth1", True),
    "a socket without address": (["", ""], "", True),
}


@pytest.mark.parametrize(("here", "comes", "full"), CASES.values(), ids=CASES)
def test_who_is_one_too_many(here, comes, full):
    guests = Guests(most=3, most_each=2)
    for one in here:
        guests.came(one)
    assert guests.full(comes) is full


def test_who_leaves_makes_room_and_nothing_is_kept_of_it():
    guests = Guests(most=3, most_each=2)
    for number in range(1_000):
        for _ in range(2):
            guests.came(f"10.0.{number >> 8}.{number & 255}")
        for _ in range(2):
            guests.left(f"10.0.{number >> 8}.{number & 255}")
    assert not guests.full("10.0.0.1")
    assert not guests._here
