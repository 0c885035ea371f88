"""What a site chose is kept when it is as strict, and the stricter of both is taken otherwise."""

import pytest

from nodeops.hardening.controls.strictness import as_strict, as_strict_as_both, asks_for_a_key, uses


@pytest.mark.parametrize(
    ("bound", "wanted", "found", "both"),
    [
        ("exact", "no", "yes", "no"),
        ("at_most", "3", "2", "2"),
        ("at_most", "3", "6", "3"),
        ("at_most", "60", "0", "60"),
        ("at_most", "365", "-1", "365"),
        ("at_most", "-1", "-2", "-2"),
        ("at_most", "-1", "0", "-1"),
        ("at_most", "3", "three", "3"),
        ("at_most", "365", "90 # our policy", "90 # our policy"),
        ("at_most", "10:30:60", "5:50:100", "5:30:60"),
        ("at_most", "10:30:60", "5", "10:30:60"),
        ("at_most", "536870912 3600", "0 600", "536870912 600"),
        ("at_most_or_zero", "45", "0", "0"),
        ("at_most_or_zero", "45", "-1", "45"),
        ("at_least", "15", "20", "20"),
        ("at_least", "15", "8", "15"),
        ("at_least_or_zero", "900", "0", "0"),
        ("at_least_or_zero", "900", "60", "900"),
        ("within", "a,b,c", "c,a", "c,a"),
        ("within", "a,b,c", "x,b", "b"),
        ("within", "a,b,c", "x", "a,b,c"),
        ("within", "a,b,c", "", "a,b,c"),
        ("bits", "077", "0077", "0077"),
        ("bits", "077", "022", "077"),
        ("bits", "027", "070", "077"),
        ("bits", "077", "u=rwx", "077"),
        ("key_first", "publickey", "publickey,password", "publickey,password"),
        ("key_first", "publickey", "any", "publickey"),
    ],
)
def test_the_stricter_of_both(bound, wanted, found, both):
    assert as_strict_as_both(bound, wanted, found) == both
    assert as_strict(bound, wanted, found) == (both == found)
    assert as_strict(bound, wanted, both) and as_strict(bound, wanted, wanted)


@pytest.mark.parametrize(
    ("methods", "key"),
    [("publickey", True), ("password,publickey:x publickey", True), ("publickey password", False), ("any", False), ("", False)],
)
def test_every_way_must_ask_for_a_key(methods, key):
    assert asks_for_a_key(methods) is key


def test_a_method_with_a_device_is_that_method():
    assert uses("publickey,keyboard-interactive:pam", "keyboard-interactive")
    assert not uses("publickey,password", "keyboard-interactive")
