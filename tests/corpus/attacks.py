"""What can be done to a folder of records, and what must be said of it then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

GOOD, ALTERED, NOT_SEALED, NOT_TRUSTED = 0, 1, 3, 4


@dataclass(frozen=True, kw_only=True)
class Attack:
    """
    `act` changes a copy of the base; None: the record was made so. `code` and a piece of what `rawat verify` says.

    `two_commands`: whether ssh-keygen and sha256sum, on the first sitting of the first run, find nothing either; None
    where there is nothing to run them on. `head`: verified with the head that the base had, as kept elsewhere.
    """

    code: int
    says: str
    act: Callable[[Path], None] | None = None
    two_commands: bool | None = False
    head: bool = False


def runs(records: Path) -> list[Path]:
    return sorted(path for path in records.iterdir() if (path / "1").is_dir())


def sitting(records: Path) -> Path:
    return runs(records)[0] / "1"


def change(path: Path, edit: Callable[[bytes], bytes]) -> None:
    path.write_bytes(edit(path.read_bytes()))


def _lines(path: Path, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    change(path, lambda data: b"".join(edit(data.splitlines(keepends=True))))


def _output(records: Path) -> Path:
    return next(iter((sitting(records) / "out").rglob("say*.log")))


def _edited_byte(records: Path) -> None:
    change(_output(records), lambda data: data.replace(b"hello", b"hullo"))


def _edited_outcome(records: Path) -> None:
    change(sitting(records) / "events.jsonl", lambda data: data.replace(b'"outcome":"ok"', b'"outcome":"no"', 1))


def _cut_tail(records: Path) -> None:
    _lines(sitting(records) / "events.jsonl", lambda lines: lines[:-2])


def _torn_tail(records: Path) -> None:
    change(sitting(records) / "events.jsonl", lambda data: data[:-5])


def _reordered(records: Path) -> None:
    _lines(sitting(records) / "events.jsonl", lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]])


def _removed_line(records: Path) -> None:
    _lines(sitting(records) / "events.jsonl", lambda lines: lines[:3] + lines[4:])


def _resummed(records: Path) -> None:
    """Who edits a file may count its sum anew; the signature and the ledger still hold the old one."""
    from runner.journal.sitting import sums_of

    _edited_byte(records)
    (sitting(records) / "SHA256SUMS").write_text(sums_of(sitting(records)))


def _swapped_outputs(records: Path) -> None:
    first, second = sorted((sitting(records) / "out").rglob("*.log"))[:2]
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def _swapped_sittings(records: Path) -> None:
    first, second = (run / "1" for run in runs(records)[:2])
    aside = records / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def _swapped_statement(records: Path) -> None:
    first, second = (run / "1" for run in runs(records)[:2])
    shutil.copy(second / "statement.json", first / "statement.json")


def _swapped_seal(records: Path) -> None:
    """Statement, sums and signature of another run: each good by itself."""
    first, second = (run / "1" for run in runs(records)[:2])
    for name in ("statement.json", "SHA256SUMS", "SHA256SUMS.sig"):
        shutil.copy(second / name, first / name)


def _other_plan(records: Path) -> None:
    change(sitting(records) / "plan.json", lambda data: data.replace(b'"parallel":10', b'"parallel":11'))


def _removed_run(records: Path) -> None:
    shutil.rmtree(runs(records)[0])


def _removed_sitting(records: Path) -> None:
    shutil.rmtree(sitting(records))
    (runs(records)[0] if runs(records) else records).mkdir(exist_ok=True)


def _added_run(records: Path) -> None:
    shutil.copytree(runs(records)[0], records / "01ZZZZZZZZZZZZZZZZZZZZZZZZ")


def _cut_ledger(records: Path) -> None:
    """With the run that its last lines speak of; the signed checkpoint is left."""
    _lines(records / "ledger.jsonl", lambda lines: lines[:3])
    shutil.rmtree(runs(records)[1])


def _rolled_back(records: Path) -> None:
    """The checkpoint set back too: everything inside agrees, and only a head that is kept elsewhere shows it."""
    _cut_ledger(records)
    shutil.rmtree(runs(records)[0] / "acts")
    for path in records.glob("checkpoint*"):
        path.unlink()


def _edited_ledger(records: Path) -> None:
    change(records / "ledger.jsonl", lambda data: data.replace(b'"exit_code":9', b'"exit_code":0', 1))


def _reordered_ledger(records: Path) -> None:
    _lines(records / "ledger.jsonl", lambda lines: [*lines[:1], lines[2], lines[1], *lines[3:]])


def _extra_file(records: Path) -> None:
    (sitting(records) / "out" / "more.log").write_text("nobody printed this\n")


def _extra_beside(records: Path) -> None:
    (runs(records)[0] / "notes.txt").write_text("nobody wrote this\n")


def _removed_file(records: Path) -> None:
    _output(records).unlink()


def _link(records: Path) -> None:
    path = _output(records)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _leads_out(records: Path) -> None:
    change(sitting(records) / "SHA256SUMS", lambda data: data + b"0" * 64 + b"  ../../ledger.jsonl\n")


def _named_twice(records: Path) -> None:
    _lines(sitting(records) / "SHA256SUMS", lambda lines: [*lines, lines[0]])


def _no_signature(records: Path) -> None:
    (sitting(records) / "SHA256SUMS.sig").unlink()


def _other_signature(records: Path) -> None:
    first, second = (run / "1" for run in runs(records)[:2])
    shutil.copy(second / "SHA256SUMS.sig", first / "SHA256SUMS.sig")


def _act(records: Path, number: int) -> Path:
    return sorted((runs(records)[0] / "acts").glob("*.json"))[number]


def _edited_act(records: Path) -> None:
    change(_act(records, 0), lambda data: data.replace(b'"verdict": "pass"', b'"verdict": "fail"'))


def _removed_act(records: Path) -> None:
    path = _act(records, 1)
    for name in (path, path.with_name(f"{path.name}.sig")):
        name.unlink()


def _swapped_acts(records: Path) -> None:
    first, second = _act(records, 0), _act(records, 1)
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def _edited_checkpoint(records: Path) -> None:
    path = next(path for path in sorted(records.glob("checkpoint*")) if not path.name.endswith(".sig"))
    change(path, lambda data: data.replace(b"0", b"1", 1))


def _expired(records: Path) -> None:
    _lines(
        records / "allowed_signers",
        lambda lines: [line.replace(b"alice@example.com ", b'alice@example.com valid-before="20200101Z",', 1)
                       for line in lines],
    )  # fmt: skip


def _nobody_known(records: Path) -> None:
    (records / "allowed_signers").write_bytes(b"")


ATTACKS: Mapping[str, Attack] = {
    "intact": Attack(code=GOOD, says="intact, signed and trusted", two_commands=True),
    "over-ssh": Attack(code=GOOD, says="intact, signed and trusted", two_commands=True),
    "edited-byte": Attack(act=_edited_byte, code=ALTERED, says="is not what"),
    "edited-outcome": Attack(act=_edited_outcome, code=ALTERED, says="events.jsonl"),
    "cut-tail": Attack(act=_cut_tail, code=ALTERED, says="do not end where the seal says"),
    "torn-tail": Attack(act=_torn_tail, code=ALTERED, says="the last line of a sealed sitting is cut"),
    "reordered-events": Attack(act=_reordered, code=ALTERED, says="events.jsonl"),
    "removed-event": Attack(act=_removed_line, code=ALTERED, says="events.jsonl"),
    "counted-anew": Attack(act=_resummed, code=ALTERED, says="not those that the ledger sealed"),
    "swapped-outputs": Attack(act=_swapped_outputs, code=ALTERED, says="is not what"),
    "swapped-sittings": Attack(act=_swapped_sittings, code=ALTERED, says="of another sitting", two_commands=True),
    "swapped-statement": Attack(act=_swapped_statement, code=ALTERED, says="statement.json"),
    "swapped-seal": Attack(act=_swapped_seal, code=ALTERED, says="not those that the ledger sealed"),
    "other-plan": Attack(act=_other_plan, code=ALTERED, says="plan.json"),
    "removed-run": Attack(act=_removed_run, code=ALTERED, says="is gone", two_commands=True),
    "removed-sitting": Attack(act=_removed_sitting, code=ALTERED, says="is gone", two_commands=True),
    "added-run": Attack(act=_added_run, code=ALTERED, says="01ZZZZ", two_commands=True),
    "cut-ledger": Attack(act=_cut_ledger, code=ALTERED, says="checkpoint", two_commands=True),
    "rolled-back": Attack(act=_rolled_back, code=ALTERED, says="kept elsewhere", head=True, two_commands=True),
    "edited-ledger": Attack(act=_edited_ledger, code=ALTERED, says="ledger.jsonl", two_commands=True),
    "reordered-ledger": Attack(act=_reordered_ledger, code=ALTERED, says="ledger.jsonl", two_commands=True),
    "extra-file": Attack(act=_extra_file, code=ALTERED, says="added after the seal", two_commands=True),
    "extra-beside": Attack(act=_extra_beside, code=ALTERED, says="does not belong to the record", two_commands=True),
    "removed-file": Attack(act=_removed_file, code=ALTERED, says="this file is gone"),
    "link-instead": Attack(act=_link, code=ALTERED, says="out/", two_commands=True),
    "name-leads-out": Attack(act=_leads_out, code=ALTERED, says="leads out of the record"),
    "named-twice": Attack(act=_named_twice, code=ALTERED, says="is in the sums twice"),
    "no-signature": Attack(act=_no_signature, code=ALTERED, says="the signature is gone"),
    "other-signature": Attack(act=_other_signature, code=ALTERED, says="not the one that the ledger knows"),
    "other-namespace": Attack(code=ALTERED, says="rawat-signoff@v1", act=None),
    "edited-act": Attack(act=_edited_act, code=ALTERED, says="acts/0001", two_commands=True),
    "removed-act": Attack(act=_removed_act, code=ALTERED, says="acts", two_commands=True),
    "swapped-acts": Attack(act=_swapped_acts, code=ALTERED, says="acts/0001", two_commands=True),
    "edited-checkpoint": Attack(act=_edited_checkpoint, code=ALTERED, says="checkpoint", two_commands=True),
    "expired-key": Attack(act=_expired, code=NOT_TRUSTED, says="may sign until"),
    "nobody-known": Attack(act=_nobody_known, code=NOT_TRUSTED, says="no allowed_signers says whose key"),
    "other-key": Attack(code=NOT_TRUSTED, says="nobody in allowed_signers has the key"),
    "not-signed": Attack(code=NOT_TRUSTED, says="not signed", two_commands=None),
    "own-review": Attack(code=NOT_TRUSTED, says="whoever ran it", two_commands=True),
    "interrupted": Attack(code=NOT_SEALED, says="never sealed", two_commands=None),
    "gone-on-with": Attack(code=GOOD, says="intact, signed and trusted", two_commands=None),
}


def expected() -> dict[str, object]:
    """For a reader of the folder: name, verdict, words."""
    return {
        name: {"code": attack.code, "says": attack.says, "two_commands": attack.two_commands, "head": attack.head}
        for name, attack in ATTACKS.items()
    }


def dump(path: Path) -> None:
    path.write_text(json.dumps(expected(), indent=1) + "\n")
