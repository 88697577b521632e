"""What verifying comes to."""

from __future__ import annotations

from pathlib import Path

from runner.frozen import frozen, replace

INTACT, ALTERED, NOT_SEALED, NOT_SIGNED, NOT_ANCHORED = 0, 1, 3, 4, 5
WORDS = {
    INTACT: "intact, signed and trusted",
    ALTERED: "ALTERED",
    NOT_SEALED: "intact, not sealed",
    NOT_SIGNED: "intact, not signed by somebody who is trusted",
    NOT_ANCHORED: "intact and signed, without an anchor outside",
}


@frozen
class Finding:
    """One thing that is not as it must be; `code` is the exit code it alone would give."""

    code: int
    where: str
    message: str


@frozen
class Anchor:
    """A place outside that keeps a head of the ledger: which lines it covers, when it was made, who checked it."""

    kind: str
    where: str
    at: str
    lines: int
    head: str
    checked: bool
    note: str = ""


@frozen
class Verdict:
    """
    `runs` that were looked at and what was found; `code` is altered over not sealed over not signed over not anchored.

    `signers` are the names whose signatures were found good and trusted; `anchors` the newest of each kind.
    `left_out` runs of the ledger are not in this pack.
    """

    runs: tuple[str, ...]
    findings: tuple[Finding, ...]
    head: str = ""
    lines: int = 0
    signers: tuple[str, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    left_out: int = 0

    @property
    def code(self) -> int:
        found = {finding.code for finding in self.findings}
        return next((code for code in (ALTERED, NOT_SEALED, NOT_SIGNED, NOT_ANCHORED) if code in found), INTACT)

    def told_of(self, folder: Path, name: str) -> Verdict:
        """The same with places below `name` instead of `folder`, which only held what `name` is a pack of."""
        found = (replace(one, where=one.where.replace(str(folder), name, 1)) for one in self.findings)
        return replace(self, findings=tuple(found))

    @property
    def word(self) -> str:
        return WORDS[self.code]


def note(where: Path | str, message: str) -> Finding:
    """Worth telling, and nothing is wrong with the record."""
    return Finding(code=INTACT, where=str(where), message=message)


def altered(where: Path | str, message: str) -> Finding:
    return Finding(code=ALTERED, where=str(where), message=message)


def not_sealed(where: Path | str, message: str) -> Finding:
    return Finding(code=NOT_SEALED, where=str(where), message=message)


def not_signed(where: Path | str, message: str) -> Finding:
    return Finding(code=NOT_SIGNED, where=str(where), message=message)
