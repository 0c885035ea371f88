"""Certificates of exporters and monitors: self-signed, made where the key stays, trusted because a file names them. Pure."""

from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nodeops.core.errors import InputError
from nodeops.core.printable import printable

# Renewed by site.yml in its last ninety days, so a host that is visited once a quarter never has one that ended.
VALID_DAYS, RENEW_DAYS = 730, 90
# A clock may be some minutes behind that of whoever made the certificate.
_EARLIER = timedelta(hours=1)
_MOST_BYTES = 16 << 10
_HINT = "get the file again from the organisation that runs this host; do not edit it"
# What cryptography raises for bytes that somebody made to be read wrongly.
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key. P-256: every TLS library has it, and a handshake takes a host less than a millisecond."""
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as PEM, not encrypted: it is for a file of mode 0600."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def self_signed(name: str, address: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    """Return a certificate as PEM for a host's name and address, for both sides of TLS, and for signing nothing."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives(name, address)), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _alternatives(name: str, address: str) -> list[x509.GeneralName]:
    try:
        return [x509.DNSName(name), x509.IPAddress(ip_address(address))]
    except ValueError:
        return [x509.DNSName(name), x509.DNSName(address)] if name != address else [x509.DNSName(name)]


def fits(certificate: bytes, key: bytes, name: str, address: str, now: datetime) -> bool:
    """Tell whether a host's key and certificate belong together, say its name and address, and do not end soon."""
    try:
        found = checked(certificate, name, address, "")
        private = serialization.load_pem_private_key(key, None)
    except (InputError, ValueError, TypeError):
        return False
    return found.public_key() == private.public_key() and found.not_valid_after_utc - now > timedelta(days=RENEW_DAYS)


def checked(pem: bytes, name: str, address: str, where: str) -> x509.Certificate:
    """Return a certificate that may stand for a host. Raise InputError for one that says another name or address, that may
    sign others, that has a key of another kind than `new_key` or one that its holder did not sign it with, or that is not
    one certificate.
    """
    try:
        found = x509.load_pem_x509_certificates(pem) if len(pem) <= _MOST_BYTES else []
        if len(found) != 1:
            raise InputError("is not one certificate", where=where, hint=_HINT)
        said = found[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        signs = found[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        key = found[0].public_key()
    except _UNREADABLE as error:
        raise InputError(f"is not a certificate: {printable(str(error))}", where=where, hint=_HINT) from error
    # Members that probe each other make a key of both: one of another kind fits none of theirs.
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError("has a key of another kind", where=where, allowed="P-256", hint=_HINT)
    if not signed_by_itself(found[0]):
        what = "is not signed with its own key: whoever made it does not have that key"
        raise InputError(what, where=where, hint=_HINT)
    if signs:
        raise InputError("is the certificate of an authority: whoever it signs would be let in", where=where, hint=_HINT)
    if set(said) != set(_alternatives(name, address)):
        raise InputError(f"is not for {name} at {address} alone", where=where, hint=_HINT)
    return found[0]


def signed_by_itself(certificate: x509.Certificate) -> bool:
    """Tell whether who made a certificate has its key, so that nobody shows the key of another as its own."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def public_key(pem: str) -> bytes:
    """Return the public key in a checked certificate, so that it can be compared."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return x509.load_pem_x509_certificate(pem.encode()).public_key().public_bytes(serialization.Encoding.DER, form)


def ends(bundle: bytes) -> list[tuple[str, float]]:
    """Return the name in each certificate of a bundle, and when it ends (Unix seconds)."""
    found = x509.load_pem_x509_certificates(bundle) if bundle.strip() else []
    return [(_common_name(one), one.not_valid_after_utc.timestamp()) for one in found]


def names(bundle: bytes) -> list[str]:
    """Return the first DNS name in each certificate of a bundle that has one: whose it is."""
    found = x509.load_pem_x509_certificates(bundle) if bundle.strip() else []
    said = (one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for one in found)
    return [all_of_one[0] for one in said if (all_of_one := one.get_values_for_type(x509.DNSName))]


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return printable(str(names[0].value), 100) if names else ""
