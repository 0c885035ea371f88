"""The script that makes a monitor's certificate, with the real openssl: what its address is, and what is said of a failure."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

SCRIPT = Path(__file__).parents[3] / "roles" / "monitoring" / "files" / "make-certificate.sh"
# What looks a little like an address is a name all the same.
ADDRESSES = {
    "192.0.2.7": ("ip", "192.0.2.7"),
    "2001:db8::7": ("ip", "2001:db8::7"),
    "mon.example.org": ("name", "mon.example.org"),
    "mon-1.dc-1": ("name", "mon-1.dc-1"),
    "mon1.dc2": ("name", "mon1.dc2"),
}


def made(folder: Path, address: str) -> subprocess.CompletedProcess[str]:
    words = ["sh", str(SCRIPT), str(folder / "key.pem"), str(folder / "certificate.pem"), "mon-1", address]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("address", "wanted"), ADDRESSES.items(), ids=ADDRESSES)
def test_the_address_stands_in_it_as_what_it_is(tmp_path: Path, address: str, wanted: tuple[str, str]) -> None:
    done = made(tmp_path, address)
    assert done.returncode == 0, done.stderr
    certificate = x509.load_pem_x509_certificate(done.stdout.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {("ip", str(one)) for one in names.get_values_for_type(x509.IPAddress)}
    found |= {("name", one) for one in names.get_values_for_type(x509.DNSName)}
    assert found == {("name", "mon-1"), wanted}


def test_it_is_made_once(tmp_path: Path) -> None:
    first, second = made(tmp_path, "mon1.dc2"), made(tmp_path, "mon1.dc2")
    assert ("made" in first.stderr, "made" in second.stderr) == (True, False)
    assert first.stdout == second.stdout


def test_why_it_cannot_be_made_is_said(tmp_path: Path) -> None:
    done = made(tmp_path, "a,b c")
    assert done.returncode != 0
    assert "a,b c" in done.stderr or "rror" in done.stderr
    assert not (tmp_path / "key.pem").exists()
