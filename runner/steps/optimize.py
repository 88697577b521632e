"""Measure a database, tidy what is beyond limits, and measure again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.databases import CONNECTION, ENGINE, dialect, shown
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, Mistake, cannot_tell, several
from runner.steps.parts.texts import script
from runner.units import duration_s, size_bytes, text_of_size, whole_seconds

_PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
_USUAL: Mapping[str, Any] = {
    "dead_rows": 1000,
    "dead_percent": 10,
    "index_bloat_percent": 40,
    "index_size": "8MB",
    "free_percent": 20,
    "free_size": "16MB",
    "table_size": "64MB",
    "table_bloat_percent": 50,
    "transaction_age": "1h",
    "xid_age": 500_000_000,
    "cache_hit_percent": 90,
}
_FAMILIES = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite"}
_FOR: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("dead_rows", "dead_percent", "index_size", "index_bloat_percent"), ("postgresql",)),
    **dict.fromkeys(("table_size", "table_bloat_percent", "xid_age", "repack"), ("postgresql",)),
    **dict.fromkeys(("transaction_age", "cache_hit_percent"), ("postgresql", "mysql")),
    **dict.fromkeys(("statements", "statement_timeout"), ("postgresql", "mysql")),
    **dict.fromkeys(("free_size", "free_percent"), ("mysql", "sqlite")),
    "blocking": ("mysql",),
}
"""Which engines a key is for; one that is not named is for all."""
Objects = Mapping[str, Mapping[str, Any]]


class Optimize(HostKind):
    name: ClassVar[str] = "optimize"
    family: ClassVar[str] = "database"
    evidence: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    secret: ClassVar[tuple[str, ...]] = ("password",)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Tidy a database",
        "Measures first. With `apply: act`, what is beyond the limits is tidied, and measured again; a statement that "
        "fails, for a lock above all, does not stop the others, and fails the step at the end. With `apply: look` "
        "nothing is changed.\n\n"
        "PostgreSQL: `VACUUM (ANALYZE)` of tables with dead rows, `ANALYZE` of tables with stale statistics, then "
        "`REINDEX CONCURRENTLY` of B-trees whose estimated bloat is beyond the limit. VACUUM makes room for new rows "
        "inside the table; it does not make the file smaller, and no figure here says so. MariaDB: `ANALYZE TABLE` of "
        "all, then tables with free space inside are written anew, InnoDB while they are in use, others only with "
        "`blocking`. SQLite: `VACUUM` of a file with free pages, "
        "`ANALYZE`, `integrity_check`.\n\n"
        "Values: `before` and `after` (figures by object), `jobs` (what is beyond the limits now), `did`, `failed`, "
        "`dead_before`, `dead_after`, `bytes_before`, `bytes_after`, `freed_bytes` (measured, may be negative), `took` "
        "(seconds by statement), `left` (what was left for another time), `findings` (what a person should know: "
        "unused, duplicate and invalid indexes, bloated tables, long transactions, transaction ids, cache, settings "
        "against memory; they are never changed), each as `what`, `object`, `detail`.",
        {
            "engine": ENGINE,
            "database": part.text("The database's name; for SQLite the absolute path of its file (`~/` is allowed)."),
            "apply": part.choice("`look` measures only; `act` tidies as well.", ["look", "act"], "look"),
            "limits": {
                "type": "object",
                "additionalProperties": False,
                "description": "What is beyond these is tidied.",
                "properties": {
                    "dead_rows": part.whole("PostgreSQL: dead (or changed) rows of a table.", minimum=0, default=1000),
                    "dead_percent": {
                        **_PERCENT,
                        "default": 10,
                        "description": "PostgreSQL: and their share of the table.",
                    },
                    "index_size": part.size("PostgreSQL: size of an index.", default="8MB"),
                    "index_bloat_percent": {
                        **_PERCENT,
                        "default": 40,
                        "description": "PostgreSQL: and its estimated empty share, in percent.",
                    },
                    "table_size": part.size("PostgreSQL: size of a table that may be told as bloated.", default="64MB"),
                    "table_bloat_percent": {
                        **_PERCENT,
                        "default": 50,
                        "description": "PostgreSQL: and its estimated empty share, in percent.",
                    },
                    "transaction_age": part.duration("How long a transaction may be open untold.", "1h"),
                    "xid_age": part.whole("PostgreSQL: age of the oldest transaction id untold.", default=500_000_000),
                    "cache_hit_percent": {
                        **_PERCENT,
                        "default": 90,
                        "description": "Share of reads from memory below which it is told.",
                    },
                    "free_size": part.size("MariaDB, SQLite: free space inside a table or file.", default="16MB"),
                    "free_percent": {
                        **_PERCENT,
                        "default": 20,
                        "description": "MariaDB, SQLite: and its share, in percent.",
                    },
                },
            },
            "budget": part.duration("After so much time no further object is begun; what is left is told.", None),
            "repack": part.flag(
                "PostgreSQL: write bloated tables anew with pg_repack, which must be installed on the host and in the "
                "database.",
                False,
            ),
            "blocking": part.flag(
                "MariaDB: use OPTIMIZE TABLE, which may lock a table while it is written anew.", False
            ),
            "statements": part.whole(
                "How many of the slowest statements to tell, by the server's own count (pg_stat_statements, "
                "performance_schema).",
                minimum=0,
                maximum=50,
                default=0,
            ),
            "lock_timeout": part.duration("How long one statement waits for a lock.", "5s"),
            "statement_timeout": part.duration("How long one statement may take (PostgreSQL and MariaDB).", "1h"),
            **CONNECTION,
        },
        required=["engine", "database"],
        examples=[
            {"engine": "postgresql", "database": "shopintar", "apply": "act", "limits": {"dead_rows": 10000}},
            {"engine": "sqlite", "database": "~/credit/credit.db", "apply": "act"},
        ],
    )

    def reads_only(self, params: Any) -> bool:
        return isinstance(params, Mapping) and params.get("apply", "look") == "look"

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        """What the engine has no use for, where it is said in so many words: a playbook may serve several engines."""
        family = _FAMILIES.get(str(params.get("engine"))) if isinstance(params, Mapping) else None
        if family is None:
            return []
        limits = params.get("limits")
        on = [key for key, value in params.items() if value is not False]
        given = [
            *((key,) for key in on),
            *(("limits", key) for key in (limits if isinstance(limits, Mapping) else ())),
        ]
        return [
            (where, f"'{where[-1]}' means nothing with engine: {params['engine']}", "")
            for where in given
            if family not in _FOR.get(where[-1], (family,))
        ]

    def look(self, wish: Wish) -> Script | None:
        return None if self.reads_only(wish.params) else _script(wish.params, apply=False)

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        objects, jobs = _figures(Answers(found.stdout), "after")
        sums = {**_sums(objects, "before"), **_sums(objects, "after"), "freed_bytes": 0}
        values: dict[str, Any] = {
            "before": objects,
            "after": objects,
            "jobs": jobs,
            "did": [],
            "failed": [],
            "took": [],
            "left": [],
        }
        values |= {**sums, "findings": Answers(found.stdout).data("finding")}
        if jobs:
            return Check(needed=True, why=several(jobs), values=values)
        return Check(needed=False, why="nothing is beyond the limits" + _told(values["findings"]), values=values)

    def act(self, wish: Wish, found: Check | None) -> Script:
        return _script(wish.params, apply=not self.reads_only(wish.params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said, looking = Answers(done.stdout), self.reads_only(wish.params)
        before, _ = _figures(said, "before")
        after, jobs = _figures(said, "after")
        did = [str(statement) for statement in said.data("did")]
        failed = list(said.every("failed"))
        values: dict[str, Any] = {"after": after, "jobs": jobs, "did": did, "failed": failed, **_sums(after, "after")}
        values |= {"findings": said.data("finding"), "left": [str(job) for job in said.data("left")]}
        values["took"] = [{"statement": str(job), "seconds": seconds} for job, seconds in said.data("took")]
        if not looking:
            values |= {"before": before, **_sums(before, "before")}
            values["freed_bytes"] = values["bytes_before"] - values["bytes_after"]
        if not done.exit.ok:
            return Verdict(ok=False, problem=failure(done), changed=bool(did) if not looking else False, values=values)
        if looking:
            summary = f"beyond the limits: {several(jobs)}" if jobs else "nothing is beyond the limits"
            return Verdict(ok=True, changed=False, values=values, summary=summary + _told(values["findings"]))
        summary = _summary(values) + _told(values["findings"])
        if values["left"]:
            summary += f"; left for another time: {several(values['left'])}"
        if failed:
            problem = f"{len(failed)} of {len(did)} statements failed: {several(failed)}; tried: {several(did)}"
            return Verdict(ok=False, changed=bool(did), problem=problem, values=values, summary=summary)
        return Verdict(ok=True, changed=bool(did), values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        limits = {**_USUAL, **(params.get("limits") or {})}
        free = f"with over {limits['free_size']} and {limits['free_percent']} % free inside"
        match params["engine"]:
            case "postgresql":
                dead = f"over {limits['dead_rows']} and {limits['dead_percent']} % dead rows"
                bloat = f"over {limits['index_size']} and {limits['index_bloat_percent']} % bloat"
                work = ["DROP INDEX CONCURRENTLY {invalid indexes that an interrupted REINDEX left}"]
                work += [f"VACUUM (ANALYZE) {{tables with {dead}}}", f"REINDEX INDEX CONCURRENTLY {{indexes {bloat}}}"]
                if params.get("repack"):
                    work.append(
                        f"pg_repack {{tables over {limits['table_size']}, {limits['table_bloat_percent']} % empty}}"
                    )
            case "mysql" | "mariadb":
                online = f"ALTER TABLE {{tables of InnoDB {free}}} FORCE, ALGORITHM=INPLACE, LOCK=NONE"
                work = [
                    "ANALYZE TABLE {every table}",
                    f"OPTIMIZE TABLE {{tables {free}}}" if params.get("blocking") else online,
                ]
            case "sqlite":
                work = [f"VACUUM {{where the file is {free}}}", "ANALYZE", "PRAGMA integrity_check"]
            case _:
                work = ["{tidy what is beyond the limits}"]
        head = f"measure {params['engine']} {shown(params)}"
        return [head] if self.reads_only(params) else [head, *work, "measure again"]


def _script(params: Mapping[str, Any], *, apply: bool) -> Script:
    tongue = dialect(params["engine"])
    values, paths = tongue.connection(params)
    limits = {**_USUAL, **params.get("limits", {})}
    lock_s = duration_s(params.get("lock_timeout", "5s"))
    statement_s = duration_s(params.get("statement_timeout", "1h"))
    plain = {
        "shown": f"{params['engine']} {shown(params)}",
        "apply": "yes" if apply else "no",
        "dead_rows": str(limits["dead_rows"]),
        "dead_percent": str(limits["dead_percent"]),
        "index_size": str(size_bytes(limits["index_size"])),
        "index_bloat_percent": str(limits["index_bloat_percent"]),
        "free_size": str(size_bytes(limits["free_size"])),
        "free_percent": str(limits["free_percent"]),
        "table_size": str(size_bytes(limits["table_size"])),
        "table_bloat_percent": str(limits["table_bloat_percent"]),
        "transaction_age": str(whole_seconds(limits["transaction_age"])),
        "xid_age": str(limits["xid_age"]),
        "cache_hit_percent": str(limits["cache_hit_percent"]),
        "statements": str(params.get("statements", 0)),
        "budget": str(round(duration_s(params.get("budget") or 0) * 1000)),
        "repack": "yes" if params.get("repack") is True else "no",
        "blocking": "yes" if params.get("blocking") is True else "no",
        "lock_timeout": str(round(lock_s * 1000)),
        "session_limits": "" if params["engine"] == "sqlite" else tongue.limits(statement_s, lock_s),
    }
    texts = (*tongue.texts, "optimize_jobs", f"optimize_{tongue.texts[0]}", "optimize")
    return Script(text=script(texts, {**values, **plain}, paths), env=tongue.env(params))


def _figures(said: Answers, moment: str) -> tuple[Objects, list[str]]:
    """Figures by object, and the jobs that the limits ask for."""
    objects, jobs = {}, []
    for item in said.data(moment):
        known = {key: value for key, value in item.items() if value is not None and key != "name"}
        if item["kind"] == "job":
            jobs.append(str(item["name"]))
        else:
            objects[f"{item['kind']} {item['name']}"] = known
    return objects, jobs


def _told(findings: Sequence[Mapping[str, Any]]) -> str:
    """How much there is for a person to read."""
    kinds = [str(finding["what"]) for finding in findings if finding["what"] != "note"]
    counts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    return f"; to look at: {', '.join(counts)}" if counts else ""


def _sums(objects: Objects, moment: str) -> dict[str, int]:
    """Size of the whole database, dead rows, and size of all indexes, in rows and bytes."""
    whole = [figures for figures in objects.values() if figures["kind"] == "database"]
    tables = [figures for figures in objects.values() if figures["kind"] == "table"]
    return {
        f"bytes_{moment}": sum(figures["bytes"] for figures in whole),
        f"dead_{moment}": sum(figures.get("dead", 0) for figures in tables),
        f"index_bytes_{moment}": sum(figures.get("index_bytes", 0) for figures in tables),
    }


def _summary(values: Mapping[str, Any]) -> str:
    """What came of it, in measured figures only."""
    texts = []
    if values["dead_before"] or values["dead_after"]:
        texts.append(f"dead rows {values['dead_before']:,} -> {values['dead_after']:,}")
    for key, what in (("bytes", "database"), ("index_bytes", "indexes")):
        before, after = values[f"{key}_before"], values[f"{key}_after"]
        if before or after:
            same = "unchanged" if before == after else f"-> {text_of_size(after)}"
            texts.append(f"{what} {text_of_size(before)} {same}")
    oldest = values["after"].get("oldest transaction", {}).get("seconds", 0)
    if values["dead_after"] and oldest > 60:
        texts.append(f"a transaction open for {oldest} s may keep dead rows alive")
    return f"{len(values['did'])} statements; {', '.join(texts)}"
