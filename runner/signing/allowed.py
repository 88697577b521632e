"""Who may sign what, from when to when: the file that `ssh-keygen` calls allowed_signers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.signing.keys import PublicKey, parse_public_key

PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(@[A-Za-z0-9][A-Za-z0-9.-]*)?\Z")
"""Names that mean nothing to a shell, a pattern list or a spreadsheet."""
_OPTION = re.compile(r'([A-Za-z-]+)(?:=(?:"([^"]*)"|([^",\s]*)))?(?:,|(?=\s)|$)')
_MOMENT = re.compile(r"(\d{8})(\d{4})?(\d{2})?(Z?)\Z")


@frozen
class Signer:
    """A line: whose key it is, for which namespaces (none: all), and within which times it may sign."""

    principals: tuple[str, ...]
    key: PublicKey
    namespaces: tuple[str, ...] = ()
    valid_after: datetime | None = None
    valid_before: datetime | None = None
    line: int = 0

    def named(self, principal: str) -> bool:
        return _matches(principal, self.principals)

    def why_not(self, namespace: str, at: datetime) -> str:
        """Why a signature of that moment does not count; empty where it does."""
        if self.namespaces and not _matches(namespace, self.namespaces):
            return f"its key may not sign for '{namespace}'"
        if self.valid_after and at < self.valid_after:
            return f"its key may sign from {_shown(self.valid_after)} on, and it was signed at {_shown(at)}"
        if self.valid_before and at >= self.valid_before:
            return f"its key may sign until {_shown(self.valid_before)}, and it was signed at {_shown(at)}"
        return ""

    @property
    def text(self) -> str:
        options = []
        if self.namespaces:
            options.append(f'namespaces="{",".join(self.namespaces)}"')
        if self.valid_after:
            options.append(f'valid-after="{_written(self.valid_after)}"')
        if self.valid_before:
            options.append(f'valid-before="{_written(self.valid_before)}"')
        parts = (",".join(self.principals), ",".join(options), self.key.text, self.key.comment)
        return " ".join(part for part in parts if part)


@frozen
class AllowedSigners:
    """The lines of an allowed_signers file, in order."""

    signers: tuple[Signer, ...] = ()

    def by_key(self, key: PublicKey) -> tuple[Signer, ...]:
        return tuple(signer for signer in self.signers if signer.key.blob == key.blob)

    def principal_of(self, key: PublicKey) -> str:
        """The first name that a key is listed under; empty where it is not."""
        return next((signer.principals[0] for signer in self.by_key(key)), "")

    def judge(self, key: PublicKey, claimed: str, namespace: str, at: datetime) -> tuple[str, str]:
        """(name of the signer as it is to be believed, why it does not count): one of them is empty."""
        lines = self.by_key(key)
        if not lines:
            return "", f"nobody in allowed_signers has the key {key.fingerprint}"
        named = [line for line in lines if not claimed or line.named(claimed)]
        if not named:
            return "", f"the key {key.fingerprint} is that of {lines[0].principals[0]}, not of {claimed}"
        reasons = [line.why_not(namespace, at) for line in named]
        if all(reasons):
            return "", f"{claimed or named[0].principals[0]}: {reasons[0]}"
        return claimed or named[reasons.index("")].principals[0], ""

    @property
    def text(self) -> str:
        return "".join(signer.text + "\n" for signer in self.signers)


def parse_allowed(text: str, name: str) -> AllowedSigners:
    """
    The lines that name a key; raises InvalidInput with file and line.

    Lines for certificate authorities are left aside: a key is trusted by name here, never by a certificate.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            signer = _line(line.strip(), number)
        except InvalidInput as error:
            raise InvalidInput(f"{name}:{number}: {error.message}", hint=error.hint) from error
        if signer is not None:
            found.append(signer)
    return AllowedSigners(signers=tuple(found))


def read_allowed(path: Path) -> AllowedSigners:
    """An empty list where there is no file. Raises InvalidInput."""
    try:
        return parse_allowed(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return AllowedSigners()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read: {error}") from error


def _line(line: str, number: int) -> Signer | None:
    principals, _, rest = line.partition(" ")
    options: dict[str, str] = {}
    rest = rest.strip()
    try:
        key = parse_public_key(rest)
    except InvalidInput:
        at = 0
        while at < len(rest) and not rest[at].isspace():
            match = _OPTION.match(rest, at)
            if match is None:
                break
            options[match[1].lower()] = match[2] if match[2] is not None else match[3] or ""
            at = match.end()
        key = parse_public_key(rest[at:])
    if "cert-authority" in options:
        return None
    unknown = set(options) - {"namespaces", "valid-after", "valid-before"}
    if unknown:
        raise InvalidInput(f"there is no option '{sorted(unknown)[0]}'")
    return Signer(
        principals=tuple(filter(None, principals.strip('"').split(","))),
        key=key,
        namespaces=tuple(filter(None, options.get("namespaces", "").split(","))),
        valid_after=moment(options["valid-after"]) if "valid-after" in options else None,
        valid_before=moment(options["valid-before"]) if "valid-before" in options else None,
        line=number,
    )


def moment(text: str) -> datetime:
    """`YYYYMMDD[HHMM[SS]][Z]`: UTC with Z, else local time. Raises InvalidInput."""
    match = _MOMENT.match(text)
    if match is None:
        raise InvalidInput(f"'{text}' is no time of the form YYYYMMDD[HHMM[SS]][Z]")
    try:
        when = datetime.strptime(match[1] + (match[2] or "0000") + (match[3] or "00"), "%Y%m%d%H%M%S")
    except ValueError as error:
        raise InvalidInput(f"'{text}' is no time that there is") from error
    return when.replace(tzinfo=UTC) if match[4] else when.astimezone()


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """A pattern list of ssh: one that begins with ! and matches decides against it."""
    plain = [pattern.replace("[", "[[]") for pattern in patterns]
    if any(pattern.startswith("!") and fnmatchcase(name, pattern[1:]) for pattern in plain):
        return False
    return any(fnmatchcase(name, pattern) for pattern in plain if not pattern.startswith("!"))


def _written(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")


def _shown(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
