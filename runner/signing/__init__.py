"""
Signatures by SSH keys (SSHSIG): made by `ssh-keygen`, which knows agents and security keys, and checked here.

Checking needs no program, no network and no configuration: a signature, the bytes, and a list of who may sign.
"""

from __future__ import annotations

from runner.signing.allowed import AllowedSigners as AllowedSigners
from runner.signing.allowed import Signer as Signer
from runner.signing.keys import PublicKey as PublicKey
from runner.signing.keys import parse_public_key as parse_public_key
from runner.signing.sshsig import BadSignature as BadSignature
from runner.signing.sshsig import Signature as Signature
from runner.signing.sshsig import check_signature as check_signature

RUN = "rawat-run@v1"
SIGN_OFF = "rawat-signoff@v1"
CHECKPOINT = "rawat-checkpoint@v1"
NAMESPACES = (RUN, SIGN_OFF, CHECKPOINT)
"""What a signature is for: a seal, a person's act, the length of the ledger. None counts as another."""
