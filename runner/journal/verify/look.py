"""What the checks share: the ledger as it was read, who may sign, and how a signature is judged."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.frozen import frozen
from runner.journal.append import sha256
from runner.journal.ledger import Entry
from runner.journal.verify.verdict import Finding, altered, not_signed
from runner.signing import AllowedSigners, BadSignature, PublicKey, check_signature


@frozen
class Look:
    """
    One look at a folder of records. Runs that are `elsewhere` were pruned, or are not in this pack; `names` gathers
    whose signatures were good.
    """

    records: Path
    entries: tuple[Entry, ...]
    present: tuple[str, ...]
    signers: AllowedSigners
    signers_are_ours: bool
    digests: Mapping[str, int]
    elsewhere: frozenset[str] = frozenset()
    names: set[str] = field(default_factory=set)

    @property
    def ledger(self) -> Path:
        return self.records / "ledger.jsonl"

    def of_run(self, run: str, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.data.get("run") == run and entry.data.get("type") == kind]

    def sealed_of(self, run: str) -> frozenset[int]:
        """Numbers of the sittings that were sealed."""
        return frozenset(int(entry.data.get("sitting", 0)) for entry in self.of_run(run, "SEAL"))

    def sittings_of(self, run: str) -> list[int]:
        return sorted(
            number for entry in self.of_run(run, "OPEN") if isinstance(number := entry.data.get("sitting"), int)
        )


def check_signed(
    look: Look, path: Path, signed: bytes, line: Mapping[str, Any], signer: Any, namespace: str, at: str
) -> Iterator[Finding]:
    """
    A signature file, the line of the ledger that knows it, and the signer that the signed text names: all agree.

    `line` has `sig_sha256` and `signer` (a fingerprint) where it was signed; `signer` is the text's own word.
    """
    if "sig_sha256" not in line:
        if path.exists() or path.is_symlink():
            yield altered(path, "a signature that the ledger does not know: it was put here later")
        if isinstance(signer, dict):
            yield altered(path, "it names a signer and was never signed")
        return
    raw = read_file(path)
    if raw is None:
        yield altered(path, "it was signed, and the signature is gone")
        return
    if sha256(raw) != line["sig_sha256"]:
        yield altered(path, "this signature is not the one that the ledger knows")
    try:
        found = check_signature(raw, signed, namespace)
    except BadSignature as error:
        yield altered(path, str(error))
        return
    named = signer if isinstance(signer, dict) else {}
    if (named.get("fingerprint"), line.get("signer")) != (found.key.fingerprint, found.key.fingerprint):
        yield altered(path, "it was signed by another key than the record and the ledger name")
        return
    yield from _trusted(look, path, found.key, str(named.get("principal") or ""), namespace, at)


def _trusted(look: Look, path: Path, key: PublicKey, claimed: str, namespace: str, at: str) -> Iterator[Finding]:
    when = instant(at)
    if when is None:
        yield altered(path, f"'{at}' is no moment, so nobody can say whether the key was valid then")
        return
    name, why = look.signers.judge(key, claimed, namespace, when)
    if name:
        look.names.add(name)
    elif not look.signers.signers:
        yield not_signed(path, f"the signature is good, and no allowed_signers says whose key {key.fingerprint} is")
    else:
        yield not_signed(path, f"the signature is good, and its signer does not count: {why}")


def instant(at: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def read_file(path: Path) -> bytes | None:
    """A plain file's bytes; None where there is none, or something else in its place. Raises PermissionError."""
    try:
        return path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) else None
    except PermissionError:
        raise
    except OSError:
        return None


def digest_of(path: Path) -> str:
    """The digest of a plain file; empty where there is none, or a link, a pipe, a folder. Raises PermissionError."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError:
        raise
    except OSError:
        return ""


def read_object(path: Path) -> dict[str, Any] | None:
    """A file with one JSON object; None where it is none."""
    raw = read_file(path)
    try:
        data = json.loads(raw) if raw is not None else None
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
