"""A person's word as a file: written once, signed where there is a signer, and what the ledger keeps of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.journal.append import sha256, sync_folder, write_new

if TYPE_CHECKING:
    from runner.signing.make import KeySigner


def write_word(path: Path, said: Mapping[str, Any], signer: KeySigner | None) -> dict[str, str]:
    """
    Write `said` and its signature; the fields of the ledger's line: `sha256`, and `signer` and `sig_sha256` if signed.

    Raises SigningFailed with nothing written. It counts once the ledger has that line.
    """
    text = (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
    line = {"sha256": sha256(text)}
    signature = b""
    if signer is not None:
        from runner.signing import SIGN_OFF

        signature = signer.sign(text, SIGN_OFF)
        line |= {"signer": signer.public.fingerprint, "sig_sha256": sha256(signature)}
    write_new(path, text)
    if signature:
        write_new(signature_of(path), signature)
    sync_folder(path.parent)
    return line


def signature_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sig")
