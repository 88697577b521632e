"""The folder of records: chains, seals, and every way to spoil them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.app.cancel import cancel_run
from runner.app.identity import controller
from runner.app.read import runs
from runner.app.request import Context
from runner.app.seals import signed
from runner.errors import DamagedRecord, InvalidInput, JournalError, LockBusy
from runner.events import HostFinished, HostStarted, SittingEnded, SittingStarted
from runner.journal import ledger
from runner.journal.acts import add_act, newest_seal
from runner.journal.append import AppendFile, sha256
from runner.journal.folder import Records, new_run_id
from runner.journal.output import HEAD_BYTES, SHOWN_BYTES, OutputLog
from runner.journal.packs import pack, unpacked
from runner.journal.reserve import BYTES, RESERVE, Reserve
from runner.journal.sitting import Sitting
from runner.journal.tombstones import bury
from runner.journal.verify import ALTERED, NOT_SEALED, NOT_SIGNED, verify
from runner.redact import Redactor, Secret
from tests.crash.points import Fault, Points

AT = "2026-11-24T00:00:00.000Z"


def write_run(folder: Path, *, run: str = "", seal: bool = True, redactor: Redactor | None = None) -> str:
    """A small run with one host, one output, one script."""
    run = run or new_run_id()
    records = Records(folder)
    records.prepare()
    sitting = Sitting(folder, run, 1, redactor or Redactor())
    sitting.freeze(
        plan=b'{"plan":1}\n', inventory=b"[]\n", sources={"p.yml": "rawat: 1\n", "sub/q.yml": "x"}, at=AT, summary={}
    )
    events = [
        SittingStarted(run=run, sitting=1, playbook="p", title="p", kind="other", plan="d" * 64, hosts=("a",)),
        HostStarted(host="a", batch=1),
        HostFinished(host="a", outcome="ok"),
        SittingEnded(exit_code=0),
    ]
    for number, event in enumerate(events, 1):
        sitting.sync(sitting.write(event.to_json() | {"seq": number, "at": AT}))
    sitting.script("echo hello\n")
    output = sitting.output("a", "one", 1, keep=True)
    output.write("stdout", b"hello\n")
    output.close()
    if seal:
        sitting.seal(at=AT, exit_code=0, summary={})
    return run


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "records"
    write_run(folder)
    write_run(folder)
    yield folder


def code(folder: Path) -> int:
    return verify(Records(folder)).code


def test_what_was_written_is_intact_and_says_that_it_is_not_signed(records: Path) -> None:
    verdict = verify(Records(records))
    assert verdict.code == NOT_SIGNED
    assert {finding.code for finding in verdict.findings} == {NOT_SIGNED}


def test_a_run_without_a_seal_is_incomplete_not_altered(records: Path) -> None:
    write_run(records, seal=False)
    assert code(records) == NOT_SEALED


def test_it_works_on_a_read_only_copy(records: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(records, copy)
    for path in copy.rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    assert code(copy) == NOT_SIGNED
    for path in copy.rglob("*"):
        path.chmod(0o700)


def sealed_files(records: Path) -> list[Path]:
    return sorted(path for path in (records / Records(records).runs()[0]).rglob("*") if path.is_file())


def test_every_bit_of_every_file_counts(records: Path) -> None:
    for path in (*sealed_files(records), records / "ledger.jsonl"):
        raw = path.read_bytes()
        for at in range(0, len(raw), max(1, len(raw) // 40)):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
            assert code(records) == ALTERED, f"{path.name} at {at}"
        path.write_bytes(raw)
    assert code(records) == NOT_SIGNED


def test_every_cut_and_every_missing_file_counts(records: Path) -> None:
    for path in sealed_files(records):
        raw = path.read_bytes()
        for size in {0, len(raw) // 2, len(raw) - 1} - {len(raw)}:
            path.write_bytes(raw[:size])
            assert code(records) == ALTERED, f"{path.name} cut to {size}"
        path.unlink()
        assert code(records) == ALTERED, f"{path.name} removed"
        path.write_bytes(raw)


def test_lines_cannot_be_reordered_removed_or_swapped_between_runs(records: Path) -> None:
    first, second = (records / run / "1" / "events.jsonl" for run in Records(records).runs())
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    assert code(records) == ALTERED
    first.write_bytes(b"".join(lines[:1] + lines[2:]))
    assert code(records) == ALTERED
    first.write_bytes(second.read_bytes())
    assert code(records) == ALTERED


def test_a_run_that_was_removed_leaves_a_hole_and_an_added_one_is_seen(records: Path) -> None:
    run = Records(records).runs()[0]
    kept = records.parent / "kept"
    shutil.move(records / run, kept)
    assert code(records) == ALTERED
    shutil.move(kept, records / run)
    shutil.copytree(records / run, records / new_run_id())
    assert code(records) == ALTERED


def test_a_file_that_was_added_is_seen(records: Path) -> None:
    run = Records(records).runs()[0]
    (records / run / "1" / "out" / "more.log").write_text("x")
    assert code(records) == ALTERED


def test_a_sums_file_that_leads_out_of_the_record_is_refused(records: Path) -> None:
    sums = records / Records(records).runs()[0] / "1" / "SHA256SUMS"
    sums.write_text(sums.read_text() + f"{'0' * 64}  ../../ledger.jsonl\n")
    assert any("leads out of the record" in finding.message for finding in verify(Records(records)).findings)


def test_a_ledger_that_was_rolled_back_is_seen_by_a_head_kept_elsewhere(records: Path) -> None:
    before = (records / "ledger.jsonl").read_bytes()
    run = write_run(records)
    head = verify(Records(records)).head
    assert verify(Records(records), expect_head=head).code == NOT_SIGNED
    shutil.rmtree(records / run)
    (records / "ledger.jsonl").write_bytes(before)
    assert code(records) == NOT_SIGNED
    assert verify(Records(records), expect_head=head).code == ALTERED


def test_acts_follow_each_other_and_stand_in_the_ledger(records: Path) -> None:
    run = Records(records).runs()[0]
    for note in ("one", "two"):
        add_act(records, "sign-off", run=run, at=AT, said={"item": "x", "verdict": "pass", "note": note, "by": "dewi"})
    assert code(records) == NOT_SIGNED
    assert [act["note"] for act in Records(records).acts(run, "")] == ["one", "two"]
    second = records / run / "acts" / "0002-sign-off.json"
    raw = second.read_bytes()
    second.write_bytes(raw.replace(b"two", b"TWO"))
    assert code(records) == ALTERED
    second.write_bytes(raw)
    (records / run / "acts" / "0001-sign-off.json").unlink()
    assert code(records) == ALTERED


def test_a_run_that_is_not_sealed_cannot_be_signed_off(records: Path) -> None:
    run = write_run(records, seal=False)
    with pytest.raises(InvalidInput, match="not sealed"):
        add_act(records, "sign-off", run=run, at=AT, said={})


def test_a_torn_last_line_is_dropped_and_a_bad_line_before_it_is_damage(records: Path) -> None:
    run = write_run(records, seal=False)
    events = records / run / "1" / "events.jsonl"
    raw = events.read_bytes()
    events.write_bytes(raw[:-5])
    (sitting,) = Records(records).sittings(run)
    assert sitting.torn
    assert len(sitting.events) == 3
    lines = raw.splitlines(keepends=True)
    events.write_bytes(lines[0] + b"{nonsense\n" + b"".join(lines[2:]))
    with pytest.raises(DamagedRecord, match=r"events.jsonl:2: this line is not JSON"):
        Records(records).record(run)


def test_runs_are_found_by_their_beginning_end_short_form_and_last(records: Path) -> None:
    known = Records(records)
    first, last = known.runs()
    assert known.find("last") == last
    assert known.find(first[-6:]) == first
    assert known.find(f"{first[:5]}…{first[-4:]}") == first
    assert known.find(first.lower()) == first
    with pytest.raises(InvalidInput, match="several runs"):
        known.find(first[:2])
    with pytest.raises(InvalidInput, match="no run"):
        known.find("ZZZZ")


def test_after_a_clock_that_was_set_back_the_last_run_is_the_one_that_was_begun_last(records: Path) -> None:
    known = Records(records)
    first, second = known.runs()
    newest = write_run(records, run=f"{'0' * 25}1")
    begin(records, first, 2, known.sittings(first)[-1].head)  # gone on with, and no newer for that
    assert known.find("last") == newest
    assert list(known.newest_first()) == [newest, second, first]
    here = Context(folder=records.parent, environment={"RAWAT_RECORDS": str(records)})
    assert [row["run"] for row in runs(here).rows] == [newest, second, first]
    with (records / "ledger.jsonl").open("ab") as file:
        file.write(b'{"n":99,"type":"OPEN","run":')
    assert known.find("last") == newest, "a last line that was cut short is none"
    path = records / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'no "OPEN" line\n' + b"".join(lines[2:]))
    assert list(known.newest_first()) == [newest, second, first], "as far back as it can be read"
    path.write_bytes(b'no "OPEN" line\n')
    assert known.find("last") == second, "by its id"
    path.unlink()
    assert list(known.newest_first()) == [second, first, newest]


def test_the_ledger_is_read_from_its_end_across_any_number_of_bytes(tmp_path: Path) -> None:
    """Lines as long as what is read at once, and a line cut short behind them that is longer."""
    opened = []
    for number, size in enumerate((1, 65_000, 200, 65_250, 30_000, 40_000, 1), 1):
        opened.append(f"run {number}")
        ledger.add(tmp_path, "OPEN", AT, run=opened[-1], sitting=1, more="x" * size)
        if number == 1:
            seal = ledger.add(tmp_path, "SEAL", AT, run=opened[-1], sitting=1)
    for torn in (b"", b"y", b"y" * 70_000):
        with (tmp_path / "ledger.jsonl").open("ab") as file:
            file.write(torn)
        assert list(ledger.opened(tmp_path)) == opened[::-1]
        assert ledger.seal_before(tmp_path, 100) == seal
        assert ledger.seal_before(tmp_path, seal.number) is None


def test_records_are_for_their_owner_alone(records: Path) -> None:
    for path in records.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(JournalError, match="others may write"):
        Records(tmp_path).prepare()


def test_a_short_write_is_cut_off_again_and_ends_the_file(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "f", head="0")
    file.append({"a": 1})
    real = os.write
    try:
        os.write = lambda descriptor, data: real(descriptor, data[: len(data) // 2])
        with pytest.raises(JournalError, match="only"):
            file.append({"a": 2})
    finally:
        os.write = real
    with pytest.raises(JournalError):
        file.append({"a": 3})
    assert (tmp_path / "f").read_bytes().count(b"\n") == 1


def test_a_short_write_that_cannot_be_cut_off_ends_the_file_as_well(tmp_path: Path) -> None:
    """On a disk that breaks: what is left is a last line without its end, and no further line behind it."""
    file = AppendFile(tmp_path / "f", head="0")
    file.append({"a": 1})
    write, cut = os.write, os.ftruncate

    def broken(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "on purpose")

    try:
        os.write = lambda descriptor, data: write(descriptor, data[: len(data) // 2])
        os.ftruncate = broken
        with pytest.raises(JournalError, match="only"):
            file.append({"a": 2})
    finally:
        os.write, os.ftruncate = write, cut
    with pytest.raises(JournalError):
        file.append({"a": 3})
    assert (tmp_path / "f").read_bytes().count(b"\n") == 1


def test_a_ledger_whose_last_line_was_cut_short_is_interrupted_and_the_next_run_goes_on(records: Path) -> None:
    path = records / "ledger.jsonl"
    whole = path.read_bytes()
    for torn in (b'{"n":5,"type":"OPEN"', whole.splitlines()[-1]):
        path.write_bytes(whole + torn)
        verdict = verify(Records(records))
        assert verdict.code == NOT_SEALED
        assert any("cut short" in finding.message for finding in verdict.findings)
    write_run(records)
    assert code(records) == NOT_SIGNED
    assert path.read_bytes().startswith(whole + b'{"n":5,')
    path.write_bytes(whole.splitlines()[0])
    write_run(records)
    assert [entry.data["type"] for entry in ledger.read(records)] == ["LEDGER", "OPEN", "SEAL"]


def test_what_a_seal_speaks_of_is_on_disk_before_it(tmp_path: Path) -> None:
    """A power cord that is pulled right after must not make it a lie. Nor may who still hears of a host add to it."""
    synced: set[str] = set()
    named: set[Path] = set()
    then: dict[str, list[set[Path]]] = {}
    folders = 0
    real = os.fsync, os.fdatasync

    def noting(call: Callable[[int], None]) -> Callable[[int], None]:
        def sync(descriptor: int) -> None:
            nonlocal folders
            call(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            synced.add(str(path).removesuffix(".new"))
            if path.is_dir():
                folders += 1
                named.update(path.iterdir())
            then.setdefault(path.name, []).append(set(named))

        return sync

    try:
        os.fsync, os.fdatasync = map(noting, real)  # type: ignore[assignment]
        run = write_run(tmp_path / "records")
    finally:
        os.fsync, os.fdatasync = real
    records = tmp_path / "records"
    listed = [path for path in (*(records / run / "1").rglob("*"), records / "ledger.jsonl") if path.is_file()]
    assert {str(path).removesuffix(".txt") for path in listed} <= {name.removesuffix(".txt") for name in synced}
    assert len(listed) > 8
    _, opened, sealed = then["ledger.jsonl"]
    assert {path.name for path in listed if path not in sealed} == set(), "a name is in its folder's data"
    frozen = {path for path in listed if "playbook" in path.parts or path.name in ("plan.json", "inventory.json")}
    assert frozen <= opened and len(frozen) == 4
    for path in [path for path in listed if path.name not in ("SHA256SUMS", "ledger.jsonl")]:
        assert {path, *path.parents[: len(path.relative_to(records).parts) - 1]} <= then["SHA256SUMS"][0], path
    assert folders == 14, "not one for each script or output"


def test_a_sitting_that_has_not_said_whose_it_is_is_not_cancelled_at_a_guess(tmp_path: Path) -> None:
    """The process of the sitting before is over; its number may be another one's by now."""
    Records(tmp_path).prepare()
    run, end = new_run_id(), SittingEnded(exit_code=1).to_json() | {"seq": 2, "at": AT}
    context = Context(folder=tmp_path, environment={}, flags={"records": str(tmp_path)})
    head = ""
    for number in (1, 2):
        sitting = Sitting(tmp_path, run, number, Redactor())
        sitting.freeze(plan=b"{}\n", inventory=b"[]\n", sources={}, at=AT, summary={}, after=head)
        with pytest.raises(InvalidInput, match="is only just beginning"):
            cancel_run(context, run, kill=False)
        here = {"controller": controller({}, terminal=False) | {"pid": 1 << 30}}
        start = SittingStarted(run=run, sitting=number, playbook="p", title="", kind="", plan="", hosts=(), **here)
        sitting.write(start.to_json() | {"seq": 1, "at": AT})
        sitting.sync(sitting.write(end))
        sitting.seal(at=AT, exit_code=1, summary={})
        head = Records(tmp_path).sittings(run)[-1].head


@pytest.mark.parametrize(("owner", "name"), [(ledger, "read"), (Records, "runs")])
def test_what_begins_while_it_is_looked_at_is_not_called_altered(
    records: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """Right after the ledger was read, and right after the folder was."""
    real, todo = getattr(owner, name), [lambda: write_run(records)]

    def reading(*words: Any) -> Any:
        found = real(*words)
        while todo:
            todo.pop()()
        return found

    monkeypatch.setattr(owner, name, reading)
    assert code(records) == NOT_SIGNED and not todo
    todo.append(lambda: str(bury(records, Records(records).runs()[0], at=AT, said={}, signer=None)))
    assert code(records) == NOT_SIGNED and not todo
    run = write_run(records)
    (records / run / "1" / "plan.json").write_bytes(b"{}")
    todo.append(lambda: write_run(records))
    verdict = verify(Records(records))
    assert {finding.where.split("/1/")[0] for finding in verdict.findings if finding.code == ALTERED} == {
        str(records / run)
    }, "what is altered stays so"


def test_a_thread_that_was_left_behind_adds_nothing_to_what_is_sealed(tmp_path: Path) -> None:
    Records(tmp_path).prepare()
    sitting = Sitting(tmp_path, new_run_id(), 1, Redactor())
    sitting.freeze(plan=b"{}\n", inventory=b"[]\n", sources={}, at=AT, summary={})
    sitting.sync(sitting.write(SittingEnded(exit_code=143).to_json() | {"seq": 1, "at": AT}))
    begun, fresh = (sitting.output("a", step, 1, keep=True) for step in ("begun", "fresh"))
    begun.write("stdout", b"some\n")
    sitting.seal(at=AT, exit_code=143, summary={})
    before = {path: path.read_bytes() for path in sitting.folder.rglob("*") if path.is_file()}
    for late in (
        lambda: begun.write("stdout", b"more\n"),
        lambda: fresh.write("stdout", b"more\n"),
        lambda: sitting.output("a", "late", 1, keep=True),
        lambda: sitting.script("echo late"),
    ):
        with pytest.raises(JournalError, match="sealed"):
            late()
    assert begun.close()["stdout_bytes"] == 10
    assert {path: path.read_bytes() for path in sitting.folder.rglob("*") if path.is_file()} == before


def test_two_that_go_on_with_one_run_at_the_same_moment_do_not_both(tmp_path: Path) -> None:
    """One of them has made its folder and not yet locked it: to the other that is a sitting that was killed."""
    run = write_run(tmp_path)
    head = Records(tmp_path).sittings(run)[0].head

    def begun(number: int, after: str) -> Sitting:
        return begin(tmp_path, run, number, after)

    (tmp_path / run / "3").mkdir()
    with pytest.raises(LockBusy, match="sitting 3"):
        begun(2, head)
    assert not (tmp_path / run / "2").exists()
    first = begun(4, head)
    for after in (head, ""):  # as it was read before the other began, and since
        with pytest.raises(LockBusy, match="sitting 4"):
            begun(5, after)
    end(first)
    with pytest.raises(LockBusy, match="sitting 4"):
        begun(5, head)
    assert {path.name for path in (tmp_path / run).iterdir()} == {"1", "3", "4"}
    end(begun(5, Records(tmp_path).sittings(run)[-1].head))
    verdict = verify(Records(tmp_path))
    assert verdict.code == NOT_SIGNED, verdict.findings
    assert "ended before it began" in next(found.message for found in verdict.findings if found.where.endswith("/3"))


def test_who_made_his_folder_while_the_other_was_opened_is_seen_by_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the ledger has a line of stays, as one that was interrupted; it does nothing."""
    run = write_run(tmp_path)
    head = Records(tmp_path).sittings(run)[0].head
    add = ledger.add

    def meanwhile(*words: Any, **more: Any) -> ledger.Entry:
        (tmp_path / run / "3").mkdir()
        return add(*words, **more)

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "add", meanwhile)
        with pytest.raises(LockBusy, match="sitting 3"):
            begin(tmp_path, run, 2, head)
    assert code(tmp_path) == NOT_SEALED
    end(begin(tmp_path, run, 4, ""))
    assert code(tmp_path) == NOT_SIGNED


def begin(folder: Path, run: str, number: int, after: str) -> Sitting:
    sitting = Sitting(folder, run, number, Redactor())
    sitting.freeze(plan=b"{}\n", inventory=b"[]\n", sources={"p.yml": "x"}, at=AT, summary={}, after=after)
    return sitting


def end(sitting: Sitting) -> None:
    sitting.sync(sitting.write(SittingEnded(exit_code=0).to_json() | {"seq": 1, "at": AT}))
    sitting.seal(at=AT, exit_code=0, summary={})


@pytest.mark.parametrize("fault", ["kill", "full", "broken"])
def test_a_sitting_that_ends_while_it_begins_spoils_nothing(tmp_path: Path, fault: Fault) -> None:
    """At each point: what was sealed before is so still, and the next sitting goes on from there."""
    home = tmp_path / "home"
    run = write_run(home)
    head = Records(home).sittings(run)[0].head
    ended = {"never began": 0, "removed": 0, "opened": 0}
    for at in range(1, 200):
        shutil.rmtree(tmp_path / "r", ignore_errors=True)
        shutil.copytree(home, tmp_path / "r")
        records = Records(tmp_path / "r")
        if _begun_in_a_child(tmp_path / "r", run, head, Points(at, fault)) == 0:
            break
        verdict = verify(records)
        opened = [entry for entry in ledger.read(records.path) if entry.data.get("sitting") == 2]
        there = (records.path / run / "2").exists()
        if opened:
            assert verdict.code == NOT_SEALED, (at, verdict.findings)
        else:
            assert verdict.code == (NOT_SEALED if ledger.torn(records.path) else NOT_SIGNED), (at, verdict.findings)
            assert records.record(run).exit_code == 0
            assert (newest_seal(records.path / run), signed(records.path / run)) != ("", None)
        ended["opened" if opened else "never began" if there else "removed"] += 1
        folders = records.sittings(run)
        after = [sitting.head for sitting in folders if sitting.begun][-1]
        end(begin(records.path, run, folders[-1].number + 1, after))
        assert verify(records).code == NOT_SIGNED, (at, verify(records).findings)
    assert at > (20 if fault == "kill" else 12), "a disk fails once in each call, a kill comes before and behind it"
    assert ended["opened"] > 0
    assert ended["never began" if fault == "kill" else "removed"] > 10
    assert fault == "kill" or ended["never began"] == 0


def _begun_in_a_child(folder: Path, run: str, after: str, points: Points) -> int:
    """0 where it came through, 6 where it told that it could not, or minus the signal."""
    child = os.fork()
    if child == 0:
        said = 99
        try:
            points.install()
            begin(folder, run, 2, after)
            said = 0
        except JournalError:
            said = 6
        finally:
            os._exit(said)
    said = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert said in (0, 6, -signal.SIGKILL)
    return said


def test_room_is_kept_for_the_end_of_a_sitting_and_is_no_part_of_it(tmp_path: Path) -> None:
    """What a killed sitting left of it is taken over; what stands behind its name and is none is altered."""
    run = write_run(tmp_path)
    reserve = tmp_path / run / RESERVE
    assert not reserve.exists()
    reserve.write_bytes(bytes(1000))
    assert code(tmp_path) == NOT_SIGNED
    for more in (b"x", bytes(BYTES)):
        reserve.write_bytes(bytes(1000) + more)
        assert code(tmp_path) == ALTERED
    reserve.unlink()
    reserve.symlink_to(tmp_path / run / "1" / "plan.json")
    assert code(tmp_path) == ALTERED
    reserve.unlink()
    reserve.write_bytes(bytes(1000))
    sitting = begin(tmp_path, run, 2, Records(tmp_path).sittings(run)[0].head)
    assert reserve.stat().st_blocks * 512 >= BYTES
    pack(tmp_path, [run], tmp_path / "p", at=AT, said={}, more={})
    with unpacked(tmp_path / "p", tmp_path) as (folder, _):
        assert {path.name for path in (folder / run).iterdir()} == {"1", "2"}
    end(sitting)
    assert not reserve.exists()


def test_a_line_that_finds_the_disk_full_is_written_where_room_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether none of it could be written, or a part; told once. A disk that is full again is an error."""
    told: list[int] = []
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if not (tmp_path / RESERVE).exists() and len(told) < 2:
            return real(descriptor, data)
        if short and len(data) > 10:
            return real(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "on purpose")

    for short in (False, True):
        told.clear()
        reserve = Reserve(tmp_path, lambda: told.append(1))
        reserve.make()
        name = f"f{short}"
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            file = AppendFile(tmp_path / name, head="0", reserve=reserve)
            for number in range(3):
                file.append({"a": number})
            assert (told, reserve.given) == ([1], True)
            told.append(2)
            with pytest.raises(JournalError):
                file.append({"a": 3})
        lines = (tmp_path / name).read_bytes().splitlines()
        assert [json.loads(line)["a"] for line in lines] == [0, 1, 2]


def test_a_folder_that_somebody_put_there_is_no_sitting_that_never_began(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    second = tmp_path / run / "2"
    shutil.copytree(tmp_path / run / "1", second)
    for name in ("events.jsonl", "SHA256SUMS", "statement.json", "scripts", "out"):
        assert code(tmp_path) == ALTERED, name
        shutil.rmtree(second / name) if (second / name).is_dir() else (second / name).unlink()
    assert code(tmp_path) == NOT_SIGNED


def test_lines_are_written_together_when_one_of_them_is_synced(tmp_path: Path) -> None:
    """By whom ever; a short write leaves whole lines."""
    file = AppendFile(tmp_path / "f", head="0")
    numbers = [file.write({"a": number}) for number in range(4)]
    assert (tmp_path / "f").read_bytes() == b""
    file.sync(numbers[1])
    assert (tmp_path / "f").read_bytes().count(b"\n") == 4
    size = (tmp_path / "f").stat().st_size
    file.write({"a": 4})
    last = file.write({"a": 5})
    real = os.write
    try:
        os.write = lambda descriptor, data: real(descriptor, data[:-10])
        with pytest.raises(JournalError, match="only"):
            file.sync(last)
    finally:
        os.write = real
    lines = (tmp_path / "f").read_bytes()
    assert len(lines) > size
    assert [json.loads(line)["a"] for line in lines.splitlines()] == [0, 1, 2, 3, 4]


def test_what_was_not_synced_is_written_when_it_is_closed(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "f", head="0")
    file.write({"a": 1})
    file.close()
    assert (tmp_path / "f").read_bytes().count(b"\n") == 1


def test_a_full_disk_is_an_error_of_the_record(tmp_path: Path) -> None:
    file = AppendFile(Path("/dev/full"), head="0")
    with pytest.raises(JournalError, match="No space left"):
        file.append({"a": 1})
    log = OutputLog(Path("/dev/full"), "x", Redactor())
    with pytest.raises(JournalError):
        log.write("stdout", b"x" * 10)


def test_each_line_names_the_one_before(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "f", head="first")
    file.append({"a": 1})
    file.append({"a": 2})
    lines = (tmp_path / "f").read_bytes().splitlines(keepends=True)
    assert json.loads(lines[0])["prev"] == "first"
    assert json.loads(lines[1])["prev"] == sha256(lines[0])


def test_the_ledger_is_numbered_and_chained_over_several_writers(tmp_path: Path) -> None:
    for number in range(5):
        ledger.add(tmp_path, "OPEN", AT, run=str(number))
    entries = ledger.read(tmp_path)
    assert [entry.number for entry in entries] == [0, 1, 2, 3, 4, 5]
    assert entries[0].data["type"] == "LEDGER"


def test_a_file_system_on_which_everybody_gets_the_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.fcntl, "flock", lambda descriptor, how: None)
    with pytest.raises(JournalError, match="locks do not work") as caught:
        ledger.add(tmp_path, "OPEN", AT, run="a")
    assert "--records" in caught.value.hint
    assert (tmp_path / "ledger.jsonl").read_bytes() == b""


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    secret = Secret("pw", "hunter2-hunter2")
    sitting = Sitting(tmp_path, "R", 1, Redactor([secret]))
    sitting.freeze(plan=b'{"x":"hunter2-hunter2"}', inventory=b"[]", sources={}, at=AT, summary={})
    output = sitting.output("a", "one", 1, keep=True)
    shown = "".join(output.write("stdout", piece) for piece in (b"is hunter2-", b"hunter2 ok\n"))
    kept = output.close()
    assert "hunter2" not in shown
    assert kept["redactions"] == 1
    assert all(b"hunter2" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_long_outputs_are_kept_at_both_ends_with_the_digest_of_the_whole(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "o", "o", Redactor())
    piece = b"0123456789abcde\n" * 4096
    for _ in range(400):
        log.write("stdout", piece)
    log.write("stderr", b"the end\n")
    kept = log.close()
    assert kept["truncated"] and kept["stdout_bytes"] == 400 * len(piece)
    text = (tmp_path / "o").read_bytes()
    assert len(text) < 2 * HEAD_BYTES + len(piece) + 100
    assert b"bytes left out here" in text
    assert text.endswith(b"the end\n")
    assert log.tail(1) == "the end"


def test_what_a_script_of_ours_answers_takes_no_line_from_what_people_are_told(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "o", "o", Redactor())
    answers = b"".join(b"rawat:key%d=1\n" % number for number in range(20))
    log.write("stdout", b"it began\n" + answers + b"rawat: a word of ours\nrawat:rows\nrawat:\n")
    log.close()
    assert log.tail() == "it began\nrawat: a word of ours\nrawat:"
    assert answers in (tmp_path / "o").read_bytes()


def test_of_much_at_once_the_end_is_shown_from_a_whole_character_on(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "o", "o", Redactor())
    assert log.write("stdout", b"a\xc3") + log.write("stdout", b"\xa9b") == "aéb"
    shown = log.write("stdout", b"\xe2\x82\xac" * SHOWN_BYTES + b"x\n")
    assert set(shown) == {"€", "x", "\n"} and len(shown.encode()) <= SHOWN_BYTES
    log.close()
    assert (tmp_path / "o").read_bytes().count(b"\xe2\x82\xac") == SHOWN_BYTES


@pytest.mark.parametrize(
    ("pieces", "encoding"),
    [
        ([b"plain\n", b"na\xc3", b"\xafve\n"], "utf-8"), ([b"\xe2\x82", b"\xac", b"and on"], "utf-8"),
        ([b"\xe2\x82", b"a"], "binary"), ([b"cut \xe2\x82"], "binary"), ([b"\xff\n"], "binary"),
        ([b"a\0b"], "binary"), ([b"\xc3\xaf\0"], "binary"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("keep", [True, False])
def test_what_is_no_text_is_called_so(tmp_path: Path, pieces: list[bytes], encoding: str, keep: bool) -> None:
    log = OutputLog(tmp_path / "o", "o", Redactor(), keep=keep)
    for piece in pieces:
        log.write("stdout", piece)
        log.write("stderr", b"text\n")
    assert log.close()["encoding"] == encoding


def test_no_output_keeps_and_shows_nothing(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "o", "o", Redactor(), keep=False)
    assert log.write("stdout", b"private\n") == ""
    kept = log.close()
    assert (kept["stdout_bytes"], kept["sha256"], log.tail()) == (8, "", "")
    assert not (tmp_path / "o").exists()
