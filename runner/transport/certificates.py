"""Host certificates of OpenSSH (PROTOCOL.certkeys): taken apart, and checked against an authority that is trusted."""

from __future__ import annotations

import time

from runner.frozen import frozen
from runner.sshwire import Malformed, Wire, key_in
from runner.transport.known_hosts import Entry, HostEntries, fingerprint

HOST = 2
_SIGNATURES = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
}
"""What each kind of authority may sign with; SHA-1 is not among them."""


class BadCertificate(Exception):
    """Why a certificate is not accepted, in words for a person."""


@frozen
class Certificate:
    """`signed` is what the signature covers; times are Unix seconds, `valid_before` not included."""

    key_type: str
    kind: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical: tuple[str, ...]
    authority: bytes
    signature: bytes
    signed: bytes


def parse(blob: bytes) -> Certificate:
    """Raises BadCertificate."""
    try:
        return _parse(Wire(blob))
    except Malformed as error:
        raise BadCertificate(str(error)) from error


def _parse(wire: Wire) -> Certificate:
    key_type, _ = key_in(wire)
    wire.uint64()  # serial number
    kind = wire.uint32()
    key_id = _text(wire.string())
    principals = tuple(_text(name) for name in wire.strings())
    after, before = wire.uint64(), wire.uint64()
    critical = tuple(_text(name) for name in wire.strings()[::2])
    wire.string()  # extensions
    wire.string()  # reserved
    authority = wire.string()
    signed = wire.read
    signature = wire.string()
    wire.end()
    return Certificate(
        key_type=key_type,
        kind=kind,
        key_id=key_id,
        principals=principals,
        valid_after=after,
        valid_before=before,
        critical=critical,
        authority=authority,
        signature=signature,
        signed=signed,
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def check(blob: bytes, known: HostEntries, *, now: float | None = None) -> Entry:
    """
    The line of the authority that vouches for this certificate. Raises BadCertificate.

    A principal is a name to the letter, as for ssh, which asks for it in lower case; none of them is a pattern. An
    empty list of principals would mean every host there is; it is refused.
    """
    certificate = parse(blob)
    line = known.authority(certificate.authority)
    if line is None:
        raise BadCertificate(f"its authority {fingerprint(certificate.authority)} is not trusted for {known.principal}")
    if known.revoking(certificate.authority):
        raise BadCertificate(f"its authority {line.fingerprint} is revoked")
    if certificate.kind != HOST:
        raise BadCertificate("it is not a host's certificate")
    if known.principal.lower() not in certificate.principals:
        named = ", ".join(certificate.principals) or "nobody"
        raise BadCertificate(f"it is for {named}, not for {known.principal}")
    moment = time.time() if now is None else now
    if moment < certificate.valid_after:
        raise BadCertificate(f"it is valid only from {_utc(certificate.valid_after)} on")
    if moment >= certificate.valid_before:
        raise BadCertificate(f"it expired at {_utc(certificate.valid_before)}")
    if certificate.critical:
        raise BadCertificate(f"it has critical options that rawat does not know: {', '.join(certificate.critical)}")
    if not _signed(certificate):
        raise BadCertificate("its signature is wrong")
    return line


def _utc(seconds: int) -> str:
    # as text already; far ends of the range have no datetime
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(seconds, 253402300799)))


def _signed(certificate: Certificate) -> bool:
    import paramiko

    try:
        key_type = _text(Wire(certificate.authority).string())
        algorithm = _text(Wire(certificate.signature).string())
        if algorithm not in _SIGNATURES.get(key_type, ()):
            return False
        key = paramiko.PKey.from_type_string(key_type, certificate.authority)
        return bool(key.verify_ssh_sig(certificate.signed, paramiko.Message(certificate.signature)))
    except (Malformed, paramiko.SSHException, ValueError, KeyError):
        return False
