"""Two machines that hold the same data name it the same."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.digest import canonical, digest, sha256

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), JSON))
def test_key_order_does_not_matter(data):
    assert digest(dict(reversed(data.items()))) == digest(data)


@settings(max_examples=40)
@given(JSON)
def test_bytes_are_ascii_without_blanks_between(data):
    canonical(data).decode("ascii")


def test_the_bytes_are_fixed():
    assert canonical({"b": [1, None, True], "a": "é"}) == b'{"a":"\\u00e9","b":[1,null,true]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_does_not_know_is_refused(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"power": number})


def test_sha256_is_that_of_the_standard_library():
    assert sha256(b"battery") == hashlib.sha256(b"battery").hexdigest()
    assert digest({}) == sha256(b"{}")
