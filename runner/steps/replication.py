"""Whether a database follows another, and how far behind it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.frozen import replace
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.databases import CONNECTION, unknown
from runner.steps.parts import schema as part
from runner.steps.parts.kind import Probe
from runner.steps.sql import Sql
from runner.units import duration_s

_POSTGRESQL = """select pg_is_in_recovery() as replica,
  (select count(*) from pg_stat_wal_receiver where status = 'streaming') as connected,
  case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
       else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end::float8 as lag_s,
  (select count(*) from pg_stat_replication where state = 'streaming') as replicas,
  (select max(extract(epoch from replay_lag)) from pg_stat_replication)::float8 as replicas_lag_s"""
_QUERIES = {
    ("postgresql", "replica"): _POSTGRESQL,
    ("postgresql", "primary"): _POSTGRESQL,
    ("mariadb", "replica"): "show all slaves status",
    ("mysql", "replica"): "show replica status",
    **{
        (engine, "primary"): "select count(*) as replicas from information_schema.processlist "
        "where command like 'Binlog Dump%'"
        for engine in ("mariadb", "mysql")
    },
}


class Replication(Probe):
    name: ClassVar[str] = "replication"
    family: ClassVar[str] = "database"
    secret: ClassVar[tuple[str, ...]] = ("password",)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Whether a database follows another, and how far behind",
        "A replica must be connected to its primary and at most `lag` behind; a primary must have so many `replicas` "
        "that stream from it (PostgreSQL: none of them more than `lag` behind). Expected and found are both named. "
        "Values: `role`, `connected`, `lag_s`, `replicas`.",
        {
            "engine": part.choice("The database system.", ["postgresql", "mariadb", "mysql"]),
            "role": part.choice("What this server is.", ["replica", "primary"], "replica"),
            "lag": part.duration("How far behind it may be.", "30s"),
            "replicas": part.whole("How many replicas a primary must have at least.", minimum=0, default=1),
            "database": part.text("The database to connect to.", examples=["postgres", "mysql"]),
            **CONNECTION,
        },
        required=["engine"],
        examples=[
            {"engine": "postgresql", "lag": "10s"},
            {"engine": "mariadb", "role": "primary", "replicas": 2},
        ],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        return Sql().act(_asking(wish), found)

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        answer = Sql().read(_asking(wish), done, found)
        if not answer.ok:
            return answer
        params, row = wish.params, answer.values["row"]
        values = _figures(params["engine"], _role(params), row)
        wrong = _wrong(params, values)
        lag = "" if values["lag_s"] is None else f", {values['lag_s']:g} s behind"
        summary = f"{values['replicas']} replicas{lag}" if _role(params) == "primary" else f"connected{lag}"
        return Verdict(
            ok=not wrong, changed=False, problem="; ".join(wrong), values=values, summary="" if wrong else summary
        )

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        if _role(params) == "primary":
            return [f"{params['engine']}: at least {params.get('replicas', 1)} replicas"]
        return [f"{params['engine']}: connected to its primary, at most {params.get('lag', '30s')} behind"]


def _role(params: Mapping[str, Any]) -> str:
    return str(params.get("role", "replica"))


def _asking(wish: Wish) -> Wish:
    """The same wish, as a step of kind `sql`."""
    params = wish.params
    engine = "postgresql" if unknown(params["engine"]) else params["engine"]
    place = {key: params[key] for key in CONNECTION if key in params}
    database = params.get("database") or ("postgres" if engine == "postgresql" else "mysql")
    query = _QUERIES[(engine, _role(params))]
    return replace(wish, params={"engine": engine, "database": database, "query": query, **place})


def _figures(engine: str, role: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The same figures whatever the server calls them; `lag_s` None where it says none."""
    if engine == "postgresql":
        lag = row["lag_s"] if row["replica"] in (True, "t") else row["replicas_lag_s"]
        return {
            "role": "replica" if row["replica"] in (True, "t") else "primary",
            "connected": bool(row["connected"]),
            "lag_s": None if lag in (None, "") else round(float(lag), 3),
            "replicas": int(row["replicas"]),
        }
    if role == "primary":
        return {"role": role, "connected": False, "lag_s": None, "replicas": int(row["replicas"])}
    threads = {key: value for key, value in row.items() if key.endswith(("_IO_Running", "_SQL_Running"))}
    lag = next((value for key, value in row.items() if key.startswith("Seconds_Behind_")), None)
    return {
        "role": "replica" if row else "primary",
        "connected": bool(threads) and all(value == "Yes" for value in threads.values()),
        "threads": ", ".join(f"{name} {value}" for name, value in threads.items()),
        "lag_s": None if lag in (None, "", "NULL") else float(lag),
        "replicas": 0,
    }


def _wrong(params: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    engine, role = params["engine"], _role(params)
    if found["role"] != role:
        return [f"{engine}: expected a {role}, found a {found['role']}"]
    most = duration_s(params.get("lag", "30s"))
    late = found["lag_s"] is not None and found["lag_s"] > most
    behind = [f"{engine}: expected at most {most:g} s behind, found {found['lag_s']:g} s"] if late else []
    if role == "primary":
        least = params.get("replicas", 1)
        few = found["replicas"] < least
        return [*([f"{engine}: expected at least {least} replicas, found {found['replicas']}"] if few else []), *behind]
    if not found["connected"]:
        found_ = found.get("threads") or "none"
        return [f"{engine}: expected a connection to the primary, found {found_}", *behind]
    if found["lag_s"] is None:
        return [f"{engine}: expected at most {most:g} s behind, found no figure at all"]
    return behind
