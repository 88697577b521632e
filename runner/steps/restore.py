"""The proof that a copy can be brought back: restored beside the source, compared, and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.base import Source
from runner.steps.dialects.databases import CONNECTION, SOURCES, source, unknown
from runner.steps.dialects.folder import FORMATS
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, several
from runner.steps.parts.texts import script
from runner.units import text_of_duration


class RestoreTest(HostKind):
    name: ClassVar[str] = "restore_test"
    family: ClassVar[str] = "database"
    secret: ClassVar[tuple[str, ...]] = ("password",)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Prove that a backup can be restored",
        "Compares the copy's digest with its manifest, restores it into a scratch database (or folder) with a "
        "random name, "
        "checks the result, and compares the rows of every table with those that were saved. The scratch copy "
        "is removed "
        "whatever happens; the source is never touched. Values: `tables` (rows restored), `rows`, `equal`, "
        "`differences`, "
        "`seconds` (the restore alone: the time to recover), `total_seconds`, `age_s` (age of the data), "
        "`sha256`, `checked`.",
        {
            "engine": part.choice("What the copy is of.", SOURCES),
            "artefact": part.host_path("The copy, as `backup` made it; usually `{{ dump.path }}`."),
            "compare": part.flag(
                "Compare with the manifest beside the copy; without it only the restore is proven.", True
            ),
            "database": part.text(
                "PostgreSQL only: the database to connect to for making and dropping the scratch one.",
                default="postgres",
            ),
            "scratch": part.host_path(
                "SQLite and files only: where to make the scratch folder. Left out: beside the copy, else `/var/tmp`."
            ),
            "amcheck": part.flag(
                "PostgreSQL only: also run `pg_amcheck` on the restored copy, where it is installed.", False
            ),
            **CONNECTION,
        },
        required=["engine", "artefact"],
        examples=[
            {"engine": "postgresql", "artefact": "{{ dump.path }}"},
            {"engine": "sqlite", "artefact": "/var/backups/rawat/credit-20261124T020000Z.db"},
        ],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        what, values, paths = _fitting(params)
        plain = {**values, "compare": "no" if params.get("compare") is False else "yes"}
        first = what.texts[0]
        texts = (*what.texts, *what.scratch_texts, f"restore_{first}", "restore")
        return Script(text=script(texts, plain, {**paths, "artefact": params["artefact"]}), env=what.env(params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said = Answers(done.stdout)
        was = {str(pair[0]): pair[1] for pair in said.data("was")}
        now = {str(pair[0]): pair[1] for pair in said.data("now")}
        compare = wish.params.get("compare") is not False
        differences = _differences(was, now) if compare and done.exit.ok else []
        values: dict[str, Any] = {
            "artefact": said.text("path"),
            "sha256": said.text("sha256"),
            "tables": now,
            "rows": sum(now.values()),
            "equal": not differences if compare and done.exit.ok else None,
            "differences": differences,
            "seconds": said.decimal("seconds"),
            "total_seconds": said.decimal("total_seconds"),
            "age_s": said.number("age"),
            "checked": said.text("checked"),
            "scratch": said.text("scratch"),
        }
        if strays := said.number("foreign_key_violations"):
            values["foreign_key_violations"] = strays
        if not done.exit.ok:
            return Verdict(ok=False, problem=failure(done), values=values)
        if differences:
            return Verdict(ok=False, changed=False, problem=several(differences), values=values)
        compared = f"{len(now)} tables, {values['rows']:,} rows, equal" if compare else "restored, not compared"
        summary = f"{compared}; restored in {text_of_duration(values['seconds'] or 0)}"
        return Verdict(ok=True, changed=False, values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        if unknown(params["engine"]):
            return [f"restore {params['artefact']} into a scratch copy and compare"]
        what, _, _ = _fitting(params)
        lines = [f"sha256sum {params['artefact']}, against its manifest" if params.get("compare") is not False else ""]
        return [
            *filter(None, lines),
            *what.restore_lines(params, params["artefact"]),
            "then the scratch copy is removed",
        ]


def _fitting(params: Mapping[str, Any]) -> tuple[Source, Mapping[str, str], Mapping[str, str]]:
    """The source, and the assignments of its texts; raises InvalidInput where the parameters do not fit."""
    engine = params["engine"]
    what = source(engine)
    own = {"postgresql": ("database", "amcheck"), "sqlite": ("scratch",), "files": ("scratch",)}.get(engine, ())
    unfit = [key for key in ("database", "amcheck", "scratch") if params.get(key) and key not in own]
    if unfit:
        raise InvalidInput(f"{', '.join(unfit)}: means nothing with engine: {engine}")
    connection = {key: value for key, value in params.items() if key in CONNECTION}
    artefact = str(params["artefact"])
    match engine:
        case "postgresql":
            main = str(params.get("database") or "postgres")
            values, paths = what.connection({**connection, "database": main})
            amcheck = "yes" if params.get("amcheck") is True else "no"
            return what, {**values, "maintenance": main, "amcheck": amcheck}, paths
        case "sqlite":
            values, paths = what.connection({**connection, "database": artefact})
        case "files":
            values, paths = what.connection({**connection, "path": artefact})
            form = next((form for form in FORMATS if artefact.endswith(f".{form}")), "tar.gz")
            return what, {"format": form}, {"below": params.get("scratch", "")}
        case _:
            values, paths = what.connection({**connection, "database": "scratch"})
    return what, values, {**paths, "below": params.get("scratch", "")}


def _differences(was: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Every table whose rows are not the same on both sides."""
    if not was and not now:
        return []
    found = []
    for name in sorted(was.keys() | now.keys()):
        if name not in now:
            found.append(f"{name}: {was[name]} rows saved, the table is not in the restored copy")
        elif name not in was:
            found.append(f"{name}: not among what was saved, {now[name]} rows restored")
        elif was[name] != now[name]:
            found.append(f"{name}: {was[name]} rows saved, {now[name]} restored")
    return found
