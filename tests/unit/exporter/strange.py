"""Certificates that nodeops never makes: any key in them, signed by any other."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from nodeops.exporter.certificates import _alternatives

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def strange(name: str, address: str, holds: Key, signs: Key | None = None) -> bytes:
    """Return a certificate (PEM) of a name and an address with the public key of `holds`, signed by `signs` or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(holds.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=700))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_alternatives(name, address)), critical=False)
    )
    return builder.sign(signs or holds, hashes.SHA256()).public_bytes(Encoding.PEM)
