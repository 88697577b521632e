"""Is the key a server shows the one we know? Refused unless a line of known_hosts says so, on every hop."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import paramiko

from runner.errors import HostKeyRefused
from runner.transport import certificates
from runner.transport.certificates import BadCertificate
from runner.transport.known_hosts import Entry, HostEntries, KnownHosts, fingerprint
from runner.transport.target import Target


class KnownKeysOnly(paramiko.MissingHostKeyPolicy):
    """
    paramiko asks this for every key, since it is given no known hosts of its own.

    After it agreed, `key_type`, `fingerprint` and `trusted_by` say what was accepted and by which line.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        try:
            known = KnownHosts.read(target.known_hosts)
        except OSError as error:
            raise HostKeyRefused(f"{target}: known_hosts cannot be read: {error}", host=target.name) from error
        self.known: HostEntries = known.about(target.address, target.port, alias=target.alias)
        self.key_type = self.fingerprint = self.trusted_by = ""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Raises HostKeyRefused, with what to type next."""
        self.accept(key)

    def accept(self, key: paramiko.PKey) -> None:
        blob = key.asbytes()
        self.key_type, self.fingerprint = key.get_name(), fingerprint(blob)
        certificate: bytes | None = None if key.public_blob is None else key.public_blob.key_blob
        revoked = self.known.revoking(blob)
        if revoked is not None:
            raise self._refused(f"its host key {self._shown} is revoked ({revoked.where})", "")
        problem = ""
        if certificate is not None:
            try:
                line = certificates.check(certificate, self.known)
            except BadCertificate as error:
                problem = f"its certificate is not accepted: {error}; "
            else:
                about = certificates.parse(certificate)
                self.key_type = about.key_type
                self.trusted_by = f"{line.where} (certificate {about.key_id!r} by authority {line.fingerprint})"
                return
        trusting = self.known.trusting(blob)
        if trusting is not None:
            self.trusted_by = trusting.where
            return
        raise self._unknown(problem)

    @property
    def _shown(self) -> str:
        return f"{self.key_type} {self.fingerprint}"

    def _unknown(self, problem: str) -> HostKeyRefused:
        command = shlex.join(trust_words(self._target.name, self._target.inventories, self.fingerprint))
        if self.known.keys:
            return self._refused(
                f"{problem}the host key CHANGED: it shows {self._shown}, known is {_listed(self.known.keys)}",
                "somebody may be listening in, or the host was set up anew. If its owner confirms the new fingerprint: "
                f"{command} --replace",
            )
        return self._refused(
            f"{problem}unknown host key {self._shown}; nothing is kept for {self.known.name}",
            "compare it on the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: " + command,
        )

    def _refused(self, message: str, hint: str) -> HostKeyRefused:
        return HostKeyRefused(f"{self._target}: {message}", host=self._target.name, hint=hint)


def trust_words(name: str, inventories: Sequence[str], fingerprint: str) -> list[str]:
    """The command that trusts this key of the host that these inventories name."""
    named = (word for path in inventories for word in ("-i", path))
    return ["rawat", "trust", name, *named, "--fingerprint", fingerprint]


def _listed(entries: Sequence[Entry]) -> str:
    return ", ".join(f"{entry.key_type} {entry.fingerprint} ({entry.where})" for entry in entries)
