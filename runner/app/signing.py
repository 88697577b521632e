"""Which key signs, whether it can, and who may sign: the settings' key and the records' allowed_signers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from runner.app import identity
from runner.app.prepare import settings_of
from runner.app.request import Context
from runner.document.paths import expanded, resolved
from runner.errors import GateClosed, InvalidInput
from runner.frozen import frozen
from runner.settings import Settings

if TYPE_CHECKING:
    from runner.signing import AllowedSigners, PublicKey, Signer
    from runner.signing.make import KeySigner

FILE = "allowed_signers"
_PROBE = "rawat-probe@v1"


@frozen
class KeyState:
    """The key that signs, as `rawat key` shows it; `trouble` where it cannot sign now."""

    file: str
    principal: str
    key_type: str
    fingerprint: str
    listed_as: str
    trouble: str


def signer_of(settings: Settings, environment: Mapping[str, str], *, needed: str = "") -> KeySigner | None:
    """
    Who signs, tried once with a text of no meaning; None where no key is configured.

    Raises SigningFailed where the key cannot sign, InvalidInput where it is none, and GateClosed where there is none
    and `needed` says what for.
    """
    if settings.signing_key is None:
        if needed:
            raise GateClosed(f"{needed}, and no key is configured", hint="rawat key use FILE, or RAWAT_SIGNING_KEY")
        return None
    signer = _signer(settings, settings.signing_key, environment)
    signer.sign(b"", _PROBE)
    return signer


def key_state(context: Context) -> KeyState | None:
    """What `rawat key` shows; None where no key is configured. Raises InvalidInput for a file that is no key."""
    from runner.signing.make import SigningFailed

    settings = settings_of(context)
    if settings.signing_key is None:
        return None
    signer = _signer(settings, settings.signing_key, context.environment)
    trouble = _out_of_time(_signers(settings), signer)
    try:
        signer.sign(b"", _PROBE)
    except SigningFailed as error:
        trouble = error.message
    return KeyState(
        file=str(signer.file),
        principal=signer.principal,
        key_type=signer.public.type,
        fingerprint=signer.public.fingerprint,
        listed_as=_signers(settings).principal_of(signer.public),
        trouble=trouble,
    )


def use_key(context: Context, file: str, principal: str) -> Path:
    """Name the key in rawat.yml, which is made where there is none; the path of rawat.yml."""
    from runner.settings.sources import FILE as SETTINGS
    from runner.signing.make import public_key_of

    settings = settings_of(context)
    if file != "none":
        key = resolved(context.folder / expanded(file))
        public_key_of(key, context.environment)
        file = str(key)
    path = settings.file or context.folder / SETTINGS
    text = path.read_text(encoding="utf-8") if path.is_file() else "rawat: 1\n"
    lines = [f"signing:\n  key: {_quoted(file)}\n"] + ([f"  principal: {_quoted(principal)}\n"] if principal else [])
    text = re.sub(r"^signing:.*\n?((?:[ \t]+.*\n?|[ \t]*\n(?=[ \t]))*)", "", text, flags=re.MULTILINE)
    path.write_text(text.rstrip("\n") + "\n" + "".join(lines), encoding="utf-8")
    return path


def allowed(context: Context) -> tuple[Path, AllowedSigners]:
    """The file beside the records, and what it says. Raises InvalidInput."""
    settings = settings_of(context)
    return settings.records / FILE, _signers(settings)


def add_signer(
    context: Context, principal: str, key: str, *, since: str = "", until: str = "", namespaces: tuple[str, ...] = ()
) -> Signer:
    """Let somebody sign: `key` is a public key or a file with one. Raises InvalidInput where the key is listed."""
    from runner.signing import NAMESPACES, Signer, parse_public_key
    from runner.signing.allowed import PRINCIPAL
    from runner.signing.make import public_key_of

    if not PRINCIPAL.match(principal):
        raise InvalidInput(f"'{principal}' is no name to sign by", hint="as in alice or alice@example.com")
    public = parse_public_key(key) if " " in key else public_key_of(expanded(key), context.environment)
    path, known = allowed(context)
    for signer in known.by_key(public):
        if signer.valid_before is None:
            raise InvalidInput(f"{path}:{signer.line}: this key is that of {signer.principals[0]} already")
    signer = Signer(
        principals=(principal,),
        key=public,
        namespaces=namespaces or NAMESPACES,
        valid_after=_when(since) if since else None,
        valid_before=_when(until) if until else None,
    )
    _write(path, known, (*known.signers, signer))
    return signer


def revoke_signer(context: Context, name: str, at: str = "") -> tuple[Signer, ...]:
    """
    End what a principal, or the key of a fingerprint, may sign: from the next second on, or from a moment on.

    What was signed before stays valid, in this second too: times in allowed_signers are whole seconds.
    Raises InvalidInput where nobody is meant.
    """
    from runner.signing import AllowedSigners, Signer

    path, known = allowed(context)
    end = _when(at) if at else datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    meant = [
        signer
        for signer in known.signers
        if name in (*signer.principals, signer.key.fingerprint)
        and (signer.valid_before is None or signer.valid_before > end)
    ]
    if not meant:
        raise InvalidInput(f"{path}: nobody who may still sign is called '{name}'", hint="rawat key list")
    ended = [
        Signer(
            principals=signer.principals, key=signer.key, namespaces=signer.namespaces,
            valid_after=signer.valid_after, valid_before=end,
        )
        if signer in meant
        else signer
        for signer in known.signers
    ]  # fmt: skip
    _write(path, known, tuple(ended))
    return AllowedSigners(signers=tuple(signer for signer in ended if signer.valid_before == end)).signers


def _signer(settings: Settings, file: Path, environment: Mapping[str, str]) -> KeySigner:
    from runner.signing.make import KeySigner, public_key_of

    public = public_key_of(file, environment)
    principal = settings.signing_principal or _signers(settings).principal_of(public) or _named(public, environment)
    return KeySigner(file, principal=principal, public=public, environment=environment)


def _out_of_time(known: AllowedSigners, signer: KeySigner) -> str:
    """What is wrong where the key is listed and no line of it lets it sign anything now; else empty."""
    now, lines = datetime.now(UTC), known.by_key(signer.public)
    if not lines or not all(line.why_not(line.namespaces[0] if line.namespaces else "", now) for line in lines):
        return ""
    return f"{FILE} does not let {signer.principal} sign now: its time there is over, or has not begun (rawat key list)"


def _named(public: PublicKey, environment: Mapping[str, str]) -> str:
    """The key's comment where it is a name to sign by, else the person or user."""
    from runner.signing.allowed import PRINCIPAL

    names = (public.comment, identity.name_of(identity.who(environment)))
    return next((name for name in names if PRINCIPAL.match(name)), "unknown")


def _signers(settings: Settings) -> AllowedSigners:
    from runner.signing.allowed import read_allowed

    return read_allowed(settings.records / FILE)


def _when(text: str) -> datetime:
    """`2026-11-24`, `2026-11-24T08:00Z` or the form of allowed_signers; without a zone it is UTC."""
    from runner.signing.allowed import moment

    try:
        when = datetime.fromisoformat(text) if "-" in text else moment(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"'{text}' is no time", hint="as in 2026-11-24 or 2026-11-24T08:00Z") from error


def _write(path: Path, known: AllowedSigners, signers: tuple[Signer, ...]) -> None:
    """Lines that are known stay as they are, comments too, but for what changed."""
    from runner.journal.append import make_folder

    make_folder(path.parent)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else [_HEAD]
    for number, (old, new) in enumerate(zip(known.signers, signers, strict=False)):
        if old != new and number < len(known.signers):
            lines[old.line - 1] = new.text
    lines += [signer.text for signer in signers[len(known.signers) :]]
    new_file = path.with_name(f".{path.name}.new")
    descriptor = os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    new_file.replace(path)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_HEAD = "# Who may sign these records, and when: see ssh-keygen(1), ALLOWED SIGNERS. Keep a copy elsewhere."
