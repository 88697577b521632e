"""A copy that was proven whole before it got its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.databases import CONNECTION, SOURCES, unknown
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.copies import Order, misfit, order, source_line, stem, subject
from runner.steps.parts.kind import HostKind, Mistake
from runner.steps.parts.places import ENCRYPT, SECOND, second_place, second_shown
from runner.steps.parts.texts import script
from runner.units import counted, text_of_size, whole_seconds

_FORMATS = (
    *("custom", "directory", "plain", "base", "pgbackrest", "sql", "mariabackup", "db"),
    *("tar.gz", "tar.zst", "tar", "restic", "borg"),
)


class Backup(HostKind):
    name: ClassVar[str] = "backup"
    family: ClassVar[str] = "database"
    # It works under a hidden name: what an attempt left that nobody knows the end of is no copy, or one more copy.
    idempotent: ClassVar[bool] = True
    evidence: ClassVar[bool] = True
    secret: ClassVar[tuple[str, ...]] = ("password",)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Back up a database or files",
        "Looks for room first, writes under a hidden name, reads the copy to its end, and only then gives it its name "
        "`NAME-MOMENT.ENDING`, readable by its owner alone, with a manifest `...json` beside it: digest, size, moment, "
        "and the rows of each table with a checksum of them. Nothing older is removed unless this copy is in place, in "
        "both places where two were named; the last copy that a `restore_test` proved, in either place, is never "
        "removed. Several hosts may keep copies in one folder: no copy takes another's name.\n\n"
        "Formats. PostgreSQL: `custom` (usual), `directory` (with `jobs`), `plain`; `base`: the files of the whole "
        "cluster by pg_basebackup, checked with pg_verifybackup, tablespaces with them; `pgbackrest`, where it is "
        "configured. MariaDB: `sql`; `mariabackup`: the files of the whole server, prepared (of what option files say "
        "to mariabackup itself, `parallel`, `throttle`, `use_memory`, `tmpdir` and `open_files_limit` count as well as "
        "how to log in). SQLite: `db`. Files: "
        "`tar.gz` (usual), `tar.zst`, `tar`, or a repository of `restic` or `borg` that is there. For pgbackrest, "
        "restic and borg the file in `to` is a note of what lies where in their repository. A `path` that is a link "
        "means what it leads to. GNU tar saves ACLs and extended attributes, too: bring them back with `tar -x -p "
        "--acls --xattrs --xattrs-include='*'`. A file of SQLite that is not in WAL mode cannot be written while it is "
        "copied.\n\n"
        "Tablespaces. In a `base` copy they are the folders `rawat_tablespaces/OID`, and the links in `pg_tblspc` lead "
        "there, so that the copy starts as it is; the manifest says where each was (`tablespaces`). To have one on a "
        "disk of its own again, move its folder there, and set the link to it, before the first start.\n\n"
        "Globals. A dump of one database of PostgreSQL holds no roles, no memberships, no settings of roles and no "
        "tablespaces, so that on a new server its owners and grants are missing. They are saved by `pg_dumpall "
        "--globals-only` as `NAME-MOMENT.ENDING.globals`, encrypted as the copy is, with its digest in the manifest. "
        "On the new server, before the copy: `psql -X -d postgres -f FILE`; where the copy is encrypted, so is this "
        "file: `age -d -i KEY FILE | psql -X -d postgres`, `gpg -d FILE | psql -X -d postgres`. Roles that are there "
        "already are told as errors, and get the attributes that the file has for them (with `role_passwords` the "
        "password, too: also the role you work as). Settings and grants of the database itself are in the copy: "
        "`pg_restore --create` brings them back from `custom` and `directory`.\n\n"
        "Where the rows are counted: PostgreSQL in the snapshot that the dump uses; MariaDB in the dump itself, which "
        "is of one moment where every table is transactional; SQLite in the copy. Copies of a whole server are not "
        "counted: their proof is the manifest and a start. Values: `path`, `manifest`, `globals` (its path), `sha256`, "
        "`bytes`, `plain_bytes` (before packing), `started`, `seconds`, `rate` (bytes a second), `engine`, `format`, "
        "`tool`, `tables` (rows by table), `rows`, `checksums`, `objects` (how many views, routines and so on), "
        "`counted`, `consistent`, `point` (LSN, binary log position, GTID), `encryption`, `second`, `reference`, "
        "`removed`, `kept_proven`, `swept` (left by attempts that were killed).",
        {
            "engine": part.choice("What is saved: a database system, or `files`.", SOURCES),
            "database": part.text("The database's name; for SQLite the absolute path of its file (`~/` is allowed)."),
            "path": part.host_path("Files only: the folder or file to save."),
            "exclude": part.one_or_more(
                {"type": "string", "minLength": 1}, "Files only: patterns to leave out, as tar has them."
            ),
            "to": part.host_path("The folder for the copies; it is made, private, where it is missing."),
            "name": part.text(
                "The first part of the copy's name. Left out: the database's name, or the last part of the path.",
                pattern="^[A-Za-z0-9_][A-Za-z0-9._-]*$",
            ),
            "format": part.choice("Its form; see above.", _FORMATS),
            "jobs": part.whole("PostgreSQL, `directory`: how many tables are dumped at once.", minimum=1, maximum=64),
            "compress": part.choice(
                "How the copy is packed. Left out: `gzip` for copies of a whole server, else `none` (`custom` and "
                "`directory` are packed by pg_dump already).",
                ("none", "gzip", "zstd"),
            ),
            "encrypt": ENCRYPT,
            "second": SECOND,
            "keep": part.whole(
                "How many copies of this source to keep, this one included; 0 is no rule.", minimum=0, default=0
            ),
            "keep_for": part.duration(
                "Keep copies of this source that are younger. With `keep` as well, a copy goes only when neither rule "
                "keeps it.",
                None,
            ),
            "count": part.flag("Count the rows of each table, so that a restore can be compared.", True),
            "checksum": part.flag("And make a checksum of them; every row is read once more.", True),
            "globals": part.flag(
                "PostgreSQL, `custom`, `directory` and `plain`: also save what belongs to the cluster and not to the "
                "database, in a file beside the copy; see above.",
                True,
            ),
            "role_passwords": part.flag(
                "And the hashes of the roles' passwords with them, for whoever reads that file; it needs the right to "
                "read `pg_authid`, which a superuser has.",
                False,
            ),
            "stanza": part.text("pgbackrest: the stanza.", pattern="^[A-Za-z0-9_][A-Za-z0-9_-]*$"),
            "type": part.choice("pgbackrest: the type of its backup.", ("full", "diff", "incr"), "full"),
            "repository": part.text(
                "restic and borg: the repository, which is there; `password` is its password.",
                pattern='^[^\\s"\\\\-][^\\s"\\\\]*$',
            ),
            **CONNECTION,
        },
        required=["engine", "to"],
        examples=[
            {"engine": "postgresql", "database": "shopintar", "to": "/var/backups/rawat", "keep": 7},
            {
                "engine": "postgresql",
                "database": "shopintar",
                "to": "/var/backups/rawat",
                "format": "directory",
                "jobs": 4,
                "keep": 7,
                "keep_for": "30d",
                "encrypt": {"age": "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqs3290gq"},
                "second": {"host": "vault1", "user": "backup", "path": "/srv/copies"},
            },
            {"engine": "postgresql", "format": "base", "to": "/var/backups/rawat"},
            {"engine": "sqlite", "database": "~/credit/credit.db", "to": "~/backups"},
            {"engine": "files", "path": "/etc", "to": "/var/backups/rawat", "exclude": ["*.tmp"]},
        ],
    )

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        found = misfit(params) if isinstance(params, Mapping) else None
        return [((found[0],) if found[0] else (), found[1], "")] if found else []

    def act(self, wish: Wish, found: Check | None) -> Script:
        params, asked = wish.params, order(wish.params)
        form = asked.form
        values, paths = asked.connection
        second, second_paths = second_place(params)
        plain = {
            "shown": f"{params['engine']} {subject(params)}",
            "stem": stem(params),
            "format": asked.name,
            "ending": form.ending,
            "extension": form.extension(asked.compress, asked.encrypt),
            "compress": asked.compress,
            "encrypt": asked.encrypt,
            "recipients": "\n".join(asked.recipients),
            "times": "1" if form.extension("none", "none") == form.extension(asked.compress, asked.encrypt) else "2",
            "jobs": str(params.get("jobs") or 1),
            "keep": str(params.get("keep", 0)),
            "keep_seconds": str(whole_seconds(params.get("keep_for") or 0)),
            "count": "no" if params.get("count") is False else "yes",
            "globals": "yes" if asked.globals else "no",
            "role_passwords": "yes" if params.get("role_passwords") is True else "no",
            "checksum": "no" if params.get("checksum") is False or params.get("count") is False else "yes",
            "stanza": str(params.get("stanza") or ""),
            "backup_type": str(params.get("type") or "full"),
            "repository": str(params.get("repository") or ""),
            "source_line": source_line(wish.host.name, params),
            **second,
        }
        texts = ("marked", *asked.source.texts, "seal", "second", "backup_forget", *form.backup, "retain", "backup")
        paths = {**paths, **second_paths, "to": params["to"]}
        return Script(text=script(texts, {**values, **plain}, paths), env=asked.source.env(params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said = Answers(done.stdout)
        values = _values(wish, said)
        if not done.exit.ok:
            sizes = {"need_bytes": said.number("need"), "room_bytes": said.number("room"), "swept": values["swept"]}
            # A copy may be in its place and yet the step has failed: it is not in the second one.
            return Verdict(ok=False, problem=failure(done), values={**(values if values["path"] else {}), **sizes})
        tables, rows = counted(len(values["tables"]), "table"), counted(values["rows"], "row")
        counts = f", {tables}, {rows}" if values["counted"] else ""
        summary = f"{text_of_size(values['bytes'] or 0)}{counts}, sha256 {values['sha256'][:12]}"
        summary += ", with the globals" if values["globals"] else ""
        if values["second"]:
            summary += f", also in {values['second']['place']}"
            summary += " (on the same disk)" if values["second"]["same_disk"] else ""
        return Verdict(ok=True, changed=True, values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        if unknown(params["engine"]):
            return [f"back up {params['engine']} {subject(params)} to {params['to']}"]
        asked = order(params)
        first, folder = stem(params), str(params["to"]).rstrip("/")
        ending = asked.form.extension(asked.compress, asked.encrypt)
        lines = asked.source.backup_lines(params, asked.name, f"{folder}/.rawat-{{mark}}/{first}.{asked.form.ending}")
        lines.append(f"then {folder}/{first}-{{moment}}.{ending}{_beside(params, asked)} and its manifest, mode 0600")
        if place := second_shown(params):
            lines.append(f"and {'all three' if asked.globals else 'both'} in {place}, with the digest made there")
        return [*lines, *_retention(params)]


def _beside(params: Mapping[str, Any], asked: Order) -> str:
    if not asked.globals:
        return ""
    if not params.get("role_passwords"):
        return ", its globals (roles without the hashes of their passwords)"
    clear = ", not encrypted" if asked.encrypt == "none" else ""
    return f", its globals (roles with the hashes of their passwords{clear})"


def _retention(params: Mapping[str, Any]) -> list[str]:
    rules = [f"the newest {params['keep']}"] if params.get("keep") else []
    rules += [f"those younger than {params['keep_for']}"] if params.get("keep_for") else []
    return [f"then remove all copies of this source but {', '.join(rules)}, and the last one proven"] if rules else []


def _values(wish: Wish, said: Answers) -> dict[str, Any]:
    tables = {str(line[0]): line[1] for line in said.data("table")}
    asked: Order = order(wish.params)
    size, seconds = said.number("bytes"), said.decimal("seconds")
    second = {
        "place": said.text("second"),
        "sha256": said.text("second_sha256"),
        "same_disk": said.text("second_same_disk") == "true",
    }
    return {
        "path": said.text("path"),
        "manifest": said.text("path") + ".json",
        "globals": said.text("globals"),
        "sha256": said.text("sha256"),
        "bytes": size,
        "plain_bytes": said.number("plain_bytes"),
        "started": said.text("started"),
        "seconds": seconds,
        "rate": round((said.number("plain_bytes") or 0) / max(seconds or 0, 0.01)),
        "engine": wish.params["engine"],
        "format": asked.name,
        "tool": said.text("tool"),
        "consistent": said.text("consistent") == "true",
        "counted": said.text("counted"),
        "point": (said.data("point") or [{}])[-1],
        "objects": (said.data("objects") or [{}])[-1],
        "tables": tables,
        "rows": sum(tables.values()),
        "checksums": {str(line[0]): line[2] for line in said.data("table") if len(line) > 2},
        "encryption": {"tool": asked.encrypt, "recipients": list(asked.recipients)} if asked.recipients else None,
        "reference": said.text("reference"),
        "second": second if second["place"] else None,
        "removed": list(said.every("removed")),
        "kept_proven": list(said.every("kept_proven")),
        "swept": list(said.every("swept")),
    }
