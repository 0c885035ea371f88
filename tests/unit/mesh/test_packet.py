"""Probes are members' or nothing: by key, by mark, by every bit."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.exporter.certificates import key_text, new_key, self_signed
from nodeops.mesh import keys
from nodeops.mesh.packet import ANSWER, QUESTION, SIZE, Packet, opened, packed, sender
from tests.unit.exporter.strange import strange

KEY = b"k" * 32
PACKET = Packet(QUESTION, b"12345678", b"runrunru", 7, 0)


@given(
    st.builds(
        Packet,
        kind=st.sampled_from([QUESTION, ANSWER]),
        sender=st.binary(min_size=8, max_size=8),
        run=st.binary(min_size=8, max_size=8),
        number=st.integers(0, 2**64 - 1),
        hold=st.integers(0, 2**64 - 1),
    )
)
def test_what_is_packed_is_opened(packet):
    data = packed(packet, KEY)
    assert (len(data), sender(data), opened(data, KEY)) == (SIZE, packet.sender, packet)


def test_no_bit_may_change():
    data = packed(PACKET, KEY)
    for bit in range(SIZE * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert sender(bytes(changed)) is None or opened(bytes(changed), KEY) is None, bit


@pytest.mark.parametrize("data", [b"", b"nmp1", bytes(SIZE), packed(PACKET, KEY)[:-1], packed(PACKET, KEY) + b"x"])
def test_what_is_no_probe_is_nobodys(data):
    assert sender(data) is None


def certificate(key, name="node-1"):
    return self_signed(name, "10.0.0.1", key, datetime.now(UTC)).decode()


def test_two_have_one_key_and_a_third_has_another():
    one, two, three = new_key(), new_key(), new_key()
    ours, _ = keys.shared(one, {"two": certificate(two), "three": certificate(three)})
    theirs, _ = keys.shared(two, {"one": certificate(one)})
    assert ours["two"].key == theirs["one"].key != ours["three"].key
    assert (ours["two"].mark, theirs["one"].mark) == (keys.own_mark(two), keys.own_mark(one))


def test_a_renewed_certificate_of_the_same_key_changes_nothing():
    one, two = new_key(), new_key()
    assert keys.shared(one, {"two": certificate(two)}) == keys.shared(one, {"two": certificate(two, "renamed")})


STRANGE = {
    "not a certificate": ("not a certificate", "Unable to load PEM"),
    "not even a text": (7, "no attribute"),
    "P-384": (certificate(ec.generate_private_key(ec.SECP384R1())), "another kind than secp256r1"),
    "RSA": (strange("node-2", "10.0.0.2", rsa.generate_private_key(65537, 2048)).decode(), "another kind than secp256r1"),
}
STRANGE["the key of another"] = (strange("node-2", "10.0.0.2", new_key(), new_key()).decode(), "not signed with its own key")


@pytest.mark.parametrize(("pem", "said"), STRANGE.values(), ids=STRANGE)
def test_a_certificate_that_fits_no_key_is_left_out_alone_and_named(pem, said):
    found, refused = keys.shared(new_key(), {"node-2": pem, "node-3": certificate(new_key())})
    assert set(found) == {"node-3"}
    assert set(refused) == {"node-2"}
    assert said in refused["node-2"]


def test_a_key_is_read_or_refused():
    key = new_key()
    assert keys.private_key(key_text(key), "file").private_numbers() == key.private_numbers()
    other = rsa.generate_private_key(65537, 2048)
    for pem in (b"rubbish", key_text(other)):
        with pytest.raises(InputError):
            keys.private_key(pem, "file")
