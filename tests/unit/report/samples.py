"""Records to tell, made of events as a run makes them: a night that goes well, one that does not, one of many hosts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from runner.events import (
    BatchFinished,
    BatchStarted,
    Deviated,
    Event,
    GateRefused,
    HostConnected,
    HostFinished,
    HostRefused,
    HostStarted,
    PersonAnswered,
    SittingEnded,
    SittingStarted,
    StepFinished,
    StepSkipped,
    StepStarted,
    Waited,
    WatcherFailed,
)
from runner.record import RunRecord, fold
from runner.seams import Reading

RUN = "01M861NJBS9SHGAHTRMN17ZQKT"
SUMS = "5fb71391a50f85b92a07eaf34b1abd0a6194cb00ae413884fae5675d84437d07"
STEPS = (
    ("identify", "reason", "sql", "How large is the database", 900),
    ("analyse", "room", "disk", "There is room for the copy", 1_400),
    ("plan", "intent", "note", "What will be done", 20),
    ("implement", "dump", "backup", "Back up", 110_000),
    ("test", "restore", "restore_test", "Restore into a scratch database and compare", 64_000),
    ("document", "figures", "note", "Figures for the record", 15),
    ("monitor", "healthy", "http", "The service answers", 120_000),
)


def item(id: str, phase: str, text: str, *proof: str, required: bool = True) -> Mapping[str, Any]:
    hand = not proof
    return {"id": id, "phase": phase, "text": text, "proof": list(proof), "by_hand": hand, "required": required}


ITEMS = (
    item("restore-proven", "test", "The copy was restored and its rows match", "restore"),
    item("informed", "plan", "Customer service knows the window"),
    item("elsewhere", "document", "A copy is kept in a second place", required=False),
)
TABLES = {"customers": 1_500, "loans": 30_412, "payments": 163_220}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def at(ms: int) -> str:
    """A moment of the night, as the bus writes it."""
    seconds = 16 * 3600 + ms // 1000
    return f"2026-11-21T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms % 1000:03d}Z"


def reading(language: str = "en", *, signed: bool = False, running: bool = False, sealed: bool = True) -> Reading:
    seal = {
        "sitting": 1, "sealed_at": at(660_000), "sums_sha256": SUMS, "signed": signed,
        "signer": "alice@example.com" if signed else "", "sources": {"playbooks/backup.yml": digest("playbook")},
    }  # fmt: skip
    return Reading(language=language, zone=ZoneInfo("Asia/Jakarta"), running=running, seals=(seal,) if sealed else ())


class Night:
    """A run of STEPS, written down event by event. `texts` replaces what would be said by something worse."""

    def __init__(self, hosts: Sequence[str], *, batches: Sequence[Sequence[str]] = (), **said: Any) -> None:
        self.hosts = tuple(hosts)
        self.batches = tuple(map(tuple, batches)) or (self.hosts,)
        self.said = said
        self.events: list[Event] = []
        self.acts: list[Mapping[str, Any]] = []
        self.ms = 0

    def begin(self) -> Night:
        said = self.said
        self.events.append(
            SittingStarted(
                at=at(0), run=RUN, sitting=said.get("sitting", 1), playbook=said.get("playbook", "backup-postgresql"),
                title=said.get("title", "Back up PostgreSQL and prove the restore"), kind=said.get("kind", "backup"),
                plan=digest("plan"), hosts=self.hosts, left_out=tuple(said.get("left_out", ())),
                who=said.get("who", {"user": "ops", "uid": 1000, "person": "alice", "person_from": "sudo"}),
                controller=said.get("controller", {"hostname": "runner-01", "terminal": True, "pipeline": ""}),
                why=said.get("why", {"ticket": "CHG-1042", "reason": "Monthly proof that backups can be restored"}),
                tool={"rawat": "0.1.0", "python": "3.11.7", "fabric": "3.2.3"}, checklist=said.get("items", ITEMS),
                steps=tuple(
                    {"id": i, "title": title, "phase": p, "kind": k, "steps": []} for p, i, k, title, _ in self.steps()
                ),
            )
        )  # fmt: skip
        return self

    def steps(self) -> Iterator[tuple[str, str, str, str, int]]:
        yield from self.said.get("steps", STEPS)

    def connect(self, host: str, ms: int = 640) -> None:
        peer = {
            "address": "10.20.0.11", "port": 22, "user": "ops", "jump": ["bastion"], "key_type": "ssh-ed25519",
            "fingerprint": "SHA256:DyVNRgVp/9ZN2hCOFSA+QvakvoYGpx0RaE1l/1yEHWA", "trusted_by": "known_hosts:12",
            **self.said.get("peer", {}),
        }  # fmt: skip
        facts = {
            "hostname": host, "os_id": "debian", "os_version": "12", "kernel": "6.1.0-28-amd64",
            "machine_id": digest(host)[:32], "boot_id": "3f735258-c396-488b-a330-0d2086a1072f",
            **self.said.get("facts", {}),
        }  # fmt: skip
        self.add(HostConnected(host=host, peer=peer, facts=facts, took_ms=ms), ms)

    def work(self, host: str, batch: int, *, start: int, until: str = "", **bad: Any) -> int:
        """All steps on a host from `start`; with `until` that step ends as `bad` says. The moment of its end."""
        self.add(HostStarted(host=host, batch=batch), start)
        now = start
        for phase, step, kind, title, took in self.steps():
            now += 12
            self.add(
                StepStarted(host=host, step=step, phase=phase, kind=kind, title=title, command=_command(kind)), now
            )
            if step == until:
                now += bad.pop("took_ms", took)
                self.finish(host, step, phase, now, took, **bad)
                self.add(HostFinished(host=host, outcome=bad.get("outcome", "failed")), now)
                return now
            now += took
            if step == "healthy":
                self.add(Waited(host=host, step=step, cause="watch", took_ms=took - 1_500), now)
            self.finish(host, step, phase, now, took, outcome="ok", values=_values(kind), **_said(kind))
        self.add(HostFinished(host=host, outcome="ok"), now)
        return now

    def finish(self, host: str, step: str, phase: str, now: int, took: int, **more: Any) -> None:
        more.setdefault("exit", {"code": 0 if more.get("outcome") == "ok" else 1})
        tail = more.get("tail", "")
        output = {
            "file": f"out/{host}/{step}.1.log",
            "stdout_bytes": len(tail),
            "stderr_bytes": 0,
            "lines": 1,
            "sha256": digest(tail + step),
        }
        event = StepFinished(
            host=host, step=step, phase=phase, attempt=more.pop("attempt", 1), took_ms=took, host_ms=took,
            output=more.pop("output", output), **more,
        )  # fmt: skip
        self.add(event, now)

    def add(self, event: Event, ms: int) -> None:
        self.ms = max(self.ms, ms)
        self.events.append(_moved(event, ms))

    def end(self, code: int = 0, **more: Any) -> RunRecord:
        self.add(SittingEnded(exit_code=code, **more), self.ms + 40)
        return self.record()

    def record(self) -> RunRecord:
        return fold([self.events], self.acts)


def good_night() -> RunRecord:
    """Three hosts in two batches, all well; one item open, one signed by a person."""
    night = Night(("db1", "db2", "db3"), batches=(("db1",), ("db2", "db3"))).begin()
    for host in night.hosts:
        night.connect(host)
    night.add(BatchStarted(batch=1, hosts=("db1",)), 700)
    first = night.work("db1", 1, start=720)
    night.add(BatchFinished(batch=1), first)
    night.add(BatchStarted(batch=2, hosts=("db2", "db3")), first)
    second = max(night.work(host, 2, start=first + 20) for host in ("db2", "db3"))
    night.add(BatchFinished(batch=2), second)
    night.acts.append(_word("informed", "told the desk at 22:40"))
    return night.end(0)


def bad_night(**said: Any) -> RunRecord:
    """A retry, a failure, a step in doubt, an unreachable host, one never started, deviations, an answer, skips."""
    said.setdefault("left_out", ({"host": "db9", "why": "in maintenance hold (inventory.yml:22)"},))
    names = said.pop("hosts", ("db1", "db2", "db3", "db4", "db5", "db6"))
    a, b, c, d, e, f = names
    night = Night(names, **said).begin()
    text = said.get("text", "pg_dump: error: could not open output file: No space left on device")
    tail = said.get("tail", 'pg_dump: dumping contents of table "loans"\n' + text)
    for host in (a, b, c, e):
        night.connect(host)
    night.add(
        HostRefused(host=d, reason="Unreachable", message=said.get("text", "no answer within 10 s"), took_ms=10_000),
        10_000,
    )
    night.add(BatchStarted(batch=1, hosts=names[:5]), 10_050)
    night.work(a, 1, start=10_060)
    night.work(
        b,
        1,
        start=10_060,
        until="dump",
        took_ms=190_000,
        outcome="failed",
        problem=f"exit 1: {text}",
        tail=tail,
        exit={"code": 1},
    )
    night.work(
        c,
        1,
        start=10_060,
        until="restore",
        took_ms=80_000,
        outcome="unknown",
        problem=said.get("text", "the connection was lost"),
        tail=tail,
    )
    night.add(HostStarted(host=e, batch=1), 10_060)
    night.add(
        StepSkipped(host=e, step="reason", phase="identify", why=said.get("text", "size.bytes > 0 is false")), 10_100
    )
    night.add(StepStarted(host=e, step="room", phase="analyse", kind="disk", title=said.get("text", "Room")), 10_200)
    night.finish(e, "room", "analyse", 15_000, 4_800, outcome="failed", problem=text, tail=tail, last=False)
    night.add(Waited(host=e, step="room", cause="retry", took_ms=30_000), 45_000)
    night.add(
        StepStarted(host=e, step="room", phase="analyse", kind="disk", title=said.get("text", "Room"), attempt=2),
        45_000,
    )
    night.finish(e, "room", "analyse", 46_000, 1_000, attempt=2, outcome="ok", summary=said.get("text", "82 GB free"))
    night.add(HostFinished(host=e, outcome="ok"), 46_100)
    night.add(
        Deviated(
            what="step left out", detail=said.get("text", "elsewhere"), reason=said.get("text", "asked by the owner")
        ),
        20,
    )
    night.add(GateRefused(host=e, step="dump", gate="backup", message=said.get("text", "no copy of today")), 46_050)
    night.add(PersonAnswered(host=a, step="ask", answer="yes", by=said.get("text", "bob"), how="file"), 60_000)
    night.add(WatcherFailed(watcher="index", message=said.get("text", "database is locked")), 60_000)
    night.acts.append(_word("informed", said.get("text", "told the desk"), by=said.get("text", "alice")))
    night.add(BatchFinished(batch=1, failed=(b, c, d), stopped=said.get("text", "3 hosts failed")), night.ms)
    return night.end(5, not_started=(f,))


def resumed_night() -> RunRecord:
    """Cut off by a signal of alice's, and gone on with by bob on another machine, on the one host that was left."""
    first = Night(("db1", "db2")).begin()
    for host in first.hosts:
        first.connect(host)
    first.work("db1", 1, start=700)
    first.end(130, stopped_by="SIGINT", not_started=("db2",))
    second = Night(
        ("db1", "db2"), sitting=2, who={"user": "bob", "uid": 1001}, controller={"hostname": "runner-02"},
        why={"ticket": "CHG-1042", "reason": "the window is open again"},
        left_out=({"step": "healthy", "why": "--skip"},),
    ).begin()  # fmt: skip
    second.connect("db2")
    second.add(Deviated(what="resumed with another plan", detail="a1 -> b2", reason="a comment"), 650)
    second.work("db2", 1, start=700)
    second.end(0)
    return fold([first.events, second.events])


def ended_by_a_person() -> RunRecord:
    """A step ended on one host, one that was broken off on another, and a failure on a third."""
    steps = (("implement", "work", "command", "Work", 10), ("test", "watch", "http", "It answers", 10))
    night = Night(("a", "b", "c", "d"), steps=steps, items=()).begin()
    killed, cut, bad = {"cancelled_s": 2.5, "killed": "proven"}, None, {"code": 1}
    ends = (("a", "failed", killed), ("b", "cancelled", cut), ("c", "failed", bad), ("d", "cancelled", cut))
    for host, outcome, exit in ends:
        night.connect(host)
        night.work(
            host, 1, start=700, until="watch" if host == "d" else "work", outcome=outcome, exit=exit,
            problem=f"{host}: no", last=True,
        )  # fmt: skip
    return night.end(143, stopped_by="SIGTERM")


def alike_night(number: int) -> RunRecord:
    """So many hosts: two fail by one word, the last by another, the others by one but for a number in it."""
    names = tuple(f"h{index}" for index in range(1, number + 1))
    night = Night(names, items=()).begin()
    for index, host in enumerate(names, 1):
        night.connect(host)
        problem = "no room" if index < 3 else "gone" if index == number else f"{host}: pid {index * 11} holds it"
        night.work(host, 1, start=700 + index, until="dump", outcome="failed", problem=problem)
    return night.end(1)


def many(number: int) -> RunRecord:
    """So many hosts, of which two fail."""
    names = tuple(f"web{index:03d}" for index in range(1, number + 1))
    night = Night(names, kind="patching", title="Security updates", playbook="patching").begin()
    for host in names:
        night.connect(host)
    night.add(BatchStarted(batch=1, hosts=names), 700)
    for index, host in enumerate(names):
        if index in (3, 17):
            night.work(host, 1, start=720, until="dump", outcome="failed", problem="exit 100: dpkg was interrupted")
        else:
            night.work(host, 1, start=720 + 90 * index)
    night.add(BatchFinished(batch=1, failed=("web004", "web018")), night.ms)
    return night.end(1)


def _word(item: str, note: str, *, by: str = "alice") -> Mapping[str, Any]:
    return {"act": "sign-off", "item": item, "verdict": "pass", "note": note, "by": by, "at": at(900_000)}


def _moved(event: Event, ms: int) -> Event:
    from dataclasses import replace

    return replace(event, at=at(ms), mono_ms=ms)


def _command(kind: str) -> str:
    return {
        "backup": "pg_dump --format=custom --file=/var/backups/rawat/.shopintar-{random} shopintar",
        "restore_test": "pg_restore --dbname=rawat_scratch_{random} /var/backups/rawat/shopintar.dump",
        "http": "GET http://127.0.0.1:8080/health for 2 min",
    }.get(kind, "select count(*) from loans")


def _values(kind: str) -> Mapping[str, Any]:
    name = "/var/backups/rawat/shopintar-20261121T160143Z.dump"
    if kind == "backup":
        return {
            "path": name, "sha256": digest("copy"), "bytes": 1_904_221_184, "started": at(1_000), "seconds": 110.0,
            "consistent": True, "tables": TABLES, "rows": sum(TABLES.values()),
        }  # fmt: skip
    if kind == "restore_test":
        return {
            "artefact": name, "sha256": digest("copy"), "tables": TABLES, "equal": True, "differences": [],
            "seconds": 58.2, "age_s": 141, "checked": "every table was read", "scratch": "rawat_scratch_b81f",
        }  # fmt: skip
    return {}


def _said(kind: str) -> Mapping[str, str]:
    return {
        "summary": {
            "backup": "1.9 GB, 3 tables, 195,132 rows, sha256 d21c",
            "restore_test": "3 tables, 195,132 rows, equal; restored in 58 s",
            "disk": "82.5 GB of 270.6 GB (30.5 %) free",
            "http": "200 in 12 ms; asked 13 times in 2 min, good every time",
        }.get(kind, "holds"),
        "tail": "one line\nand another" if kind == "backup" else "",
    }
