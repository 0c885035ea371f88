"""Certificates stand for one host, sign nobody, and are renewed before they end; what others published is judged."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from nodeops.core.errors import InputError
from nodeops.exporter import certificates
from nodeops.exporter.publish import publish
from tests.unit.exporter.strange import strange
from tests.unit.firewall.samples import consortium

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def made(name="a-1", address="10.0.0.1", now=NOW):
    key = certificates.new_key()
    return certificates.self_signed(name, address, key, now), certificates.key_text(key)


FITS = {
    "new": (made(), NOW, True),
    "long before its end": (made(), NOW + timedelta(days=600), True),
    "soon at its end": (made(), NOW + timedelta(days=650), False),
    "other name": (made(name="a-2"), NOW, False),
    "other address": (made(address="10.0.0.7"), NOW, False),
    "other key": ((made()[0], made()[1]), NOW, False),
    "no certificate": ((b"junk", made()[1]), NOW, False),
    "no key": ((made()[0], b"junk"), NOW, False),
}


@pytest.mark.parametrize(("pair", "now", "fits"), FITS.values(), ids=FITS)
def test_what_is_kept_and_what_is_made_anew(pair, now, fits):
    assert certificates.fits(*pair, "a-1", "10.0.0.1", now) is fits


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::1", "node.b.example", "a-1"])
def test_any_address_of_a_consortium_file_will_do(address):
    pem, _ = made(address=address)
    assert certificates.checked(pem, "a-1", address, "")
    assert certificates.ends(pem + pem)[0] == ("a-1", (NOW + timedelta(days=certificates.VALID_DAYS)).timestamp())


def test_published_certificates_are_kept_read_and_told_apart(tmp_path):
    node, monitor = made()[0].decode(), made("mon", "10.0.0.9")[0].decode()
    first = publish(tmp_path, consortium(), {"a-1": node})
    assert set(first.written) == {"certificates/a-1.pem"}
    assert (tmp_path / "certificates/a-1.pem").read_text() == node
    assert publish(tmp_path, consortium(), {"a-1": node}).written == {}
    (tmp_path / "certificates/mon.pem").write_text(monitor)
    known = publish(tmp_path, consortium(), {})
    assert (known.nodes, known.monitors) == ({"a-1": node}, {"mon": monitor})
    assert known.missing == ["a-2", "b-1", "b-2", "keep"]
    again = made()[0].decode()
    assert publish(tmp_path, consortium(), {"a-1": again}, dry_run=True).nodes == {"a-1": again}
    assert (tmp_path / "certificates/a-1.pem").read_text() == node


def test_text_around_a_certificate_and_ends_of_lines_change_nothing(tmp_path):
    pem = made("mon", "10.0.0.9")[0].decode()
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/mon.pem").write_bytes(b"Certificate:\r\n" + pem.replace("\n", "\r\n").encode())
    assert publish(tmp_path, consortium(), {}).monitors == {"mon": pem}
    publish(tmp_path, consortium(), {"mon": pem.replace("\n", "\r\n").strip()})
    assert publish(tmp_path, consortium(), {"mon": pem}).written == {}


WRONG = {
    "of another host": made("a-2", "10.0.0.2")[0],
    "with an address too many": made("a-1", "10.0.0.9")[0],
    "two": made("mon", "10.0.0.9")[0] * 2,
    "a key": made()[1],
    "not PEM": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
}


@pytest.mark.parametrize("pem", WRONG.values(), ids=WRONG)
def test_a_certificate_that_would_let_in_somebody_else_is_refused(tmp_path, pem):
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/mon.pem").write_bytes(pem)
    with pytest.raises(InputError, match=r"mon.pem"):
        publish(tmp_path, consortium(), {"a-1": made()[0].decode()})
    assert not (tmp_path / "certificates/a-1.pem").exists()


OTHER_KINDS = {"RSA": rsa.generate_private_key(65537, 2048), "P-384": ec.generate_private_key(ec.SECP384R1())}


@pytest.mark.parametrize("key", OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_a_key_that_no_prober_can_share_with_is_refused(tmp_path, key):
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/b-1.pem").write_bytes(strange("b-1", "2001:db8::1", key))
    with pytest.raises(InputError, match=r"key of another kind") as said:
        publish(tmp_path, consortium(), {"a-1": made()[0].decode()})
    assert (said.value.where, said.value.allowed) == (str(tmp_path / "certificates/b-1.pem"), "P-256")
    assert not (tmp_path / "certificates/a-1.pem").exists()


def test_the_key_of_another_host_is_refused_for_who_shows_it_cannot_sign_with_it(tmp_path):
    honest, evil = certificates.new_key(), certificates.new_key()
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/b-1.pem").write_bytes(strange("b-1", "2001:db8::1", holds=honest, signs=evil))
    shown = certificates.self_signed("a-1", "10.0.0.1", honest, NOW).decode()
    with pytest.raises(InputError, match=r"b-1.pem: is not signed with its own key"):
        publish(tmp_path, consortium(), {"a-1": shown})
    assert not (tmp_path / "certificates/a-1.pem").exists()


def test_a_key_that_two_hosts_have_is_refused_and_both_are_named(tmp_path):
    """As after a host was copied whole: nobody here can tell which of the two it belongs to."""
    key = certificates.new_key()
    shown = {name: certificates.self_signed(name, f"10.0.0.{name[-1]}", key, NOW).decode() for name in ("a-1", "a-2")}
    with pytest.raises(InputError, match="a-1 and a-2 show the same key"):
        publish(tmp_path, consortium(), shown)
    assert not (tmp_path / "certificates").exists()
    assert publish(tmp_path, consortium(), {"a-1": shown["a-1"]}).nodes == {"a-1": shown["a-1"]}


def test_extensions_that_stand_twice_are_refused_not_raised(tmp_path, monkeypatch):
    """What a member made by hand is an error of its file, whatever the library calls it."""
    twice = certificates.x509.DuplicateExtension("twice", certificates.x509.BasicConstraints.oid)
    for raised in (twice, certificates.x509.InvalidVersion("7", 7), certificates.UnsupportedAlgorithm("gost")):

        def read(_: bytes, raised: Exception = raised) -> None:
            raise raised

        monkeypatch.setattr(certificates.x509, "load_pem_x509_certificates", read)
        with pytest.raises(InputError, match="is not a certificate"):
            certificates.checked(made()[0], "a-1", "10.0.0.1", "file")


def test_an_authority_is_refused(tmp_path, monkeypatch):
    basic = certificates.x509.BasicConstraints
    monkeypatch.setattr(certificates.x509, "BasicConstraints", lambda ca, path_length: basic(ca=True, path_length=None))
    pem = made("mon", "10.0.0.9")[0]
    monkeypatch.undo()
    with pytest.raises(InputError, match="whoever it signs would be let in"):
        certificates.checked(pem, "mon", "10.0.0.9", "mon.pem")


def test_a_host_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown hosts: x-9"):
        publish(tmp_path, consortium(), {"x-9": made()[0].decode()})
