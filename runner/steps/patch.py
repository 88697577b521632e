"""Updates of the host's packages: listed, or applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.packages import none_known, packages
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, cannot_tell, several
from runner.steps.parts.texts import script
from runner.units import duration_s

_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9+._:-]*$"}
_PATTERN = {"type": "string", "pattern": "^[A-Za-z0-9*?\\[][A-Za-z0-9+._:*?\\[\\]-]*$"}


class Patch(HostKind):
    name: ClassVar[str] = "patch"
    family: ClassVar[str] = "system"
    evidence: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Updates of packages, listed or applied",
        "For apt, dnf and zypper. `list` needs no root and changes nothing. `security` and `all` repair "
        "packages that are "
        "half-configured, fetch everything first, keep the configuration files of the administrator and name "
        "those that "
        "have a new version beside them, and remove nothing. Whether a reboot is needed is said, never done.\n\n"
        "Values: `packages` (what waited: `name`, `installed`, `candidate`, `origin`, `security`, `left`: why "
        "it was left out), "
        "`count`, `security_count`, `held`, `kept_back`, `upgraded` (`name`, `from`, `to`), `new`, `removed`, "
        "`conffiles`, "
        "`repaired`, `broken`, `restart`, `reboot_required`, `reboot_reason`, `lists_age_s`.",
        {
            "apply": part.choice("What to do with the updates that wait.", ["list", "security", "all"], "list"),
            "exclude": part.one_or_more(
                _PATTERN,
                "Packages to leave as they are this time; `*` and `?` match.",
                examples=["linux-*", ["nginx", "php*"]],
            ),
            "hold": part.one_or_more(_NAME, "Packages to hold from now on, before anything is upgraded."),
            "refresh": {
                "type": "boolean",
                "description": "Fetch the package lists first; needs root. Left out: only where updates are applied.",
            },
            "lock_wait": part.duration(
                "How long to wait for another program that holds the package database (apt, zypper).", "10m"
            ),
        },
        examples=[{"apply": "list"}, {"apply": "security", "exclude": ["linux-*"]}],
    )

    def reads_only(self, params: Any) -> bool:
        return isinstance(params, Mapping) and params.get("apply", "list") == "list" and not params.get("refresh")

    def look(self, wish: Wish) -> Script | None:
        # Without fresh lists nobody can say that there is nothing to do.
        return None if _apply(wish.params) == "list" or _refresh(wish.params) else _script(wish, "list")

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        values = _values(Answers(found.stdout))
        wanted = [
            row["name"]
            for row in values["packages"]
            if not row["left"] and (row["security"] or _apply(wish.params) == "all")
        ]
        if wanted:
            return Check(needed=True, why=f"{len(wanted)} updates wait: {several(wanted)}", values=values)
        return Check(needed=False, why="no update waits", values=values)

    def act(self, wish: Wish, found: Check | None) -> Script:
        return _script(wish, _apply(wish.params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said, apply = Answers(done.stdout), _apply(wish.params)
        values = _values(said)
        changed = bool(values["upgraded"] or values["new"] or values["removed"] or values["repaired"])
        if not done.exit.ok:
            return Verdict(
                ok=False, changed=False if apply == "list" else changed, problem=failure(done), values=values
            )
        return Verdict(ok=True, changed=changed, values=values, summary=_summary(apply, values))

    def preview(self, wish: Wish) -> Sequence[str]:
        dialect, apply = packages(wish.facts), _apply(wish.params)
        apt = dialect is None or dialect.text == "apt"
        program = "apt-get" if dialect is None or apt else dialect.manager
        if apply == "list":
            return ["apt-get -s --with-new-pkgs upgrade" if apt else f"{program} check-update"]
        which = "{security updates}" if apply == "security" else "{all updates}"
        lines = [f"{program} update"] if _refresh(wish.params) else []
        lines += [f"hold {name}" for name in part.as_list(wish.params.get("hold"))]
        install = "install --only-upgrade" if apt else "upgrade"
        options = " -y --no-remove -o Dpkg::Options::=--force-confold" if apt else " -y"
        left = part.as_list(wish.params.get("exclude"))
        return [*lines, f"{program}{options} {install} {which}{' but ' + ' '.join(left) if left else ''}"]


def _apply(params: Mapping[str, Any]) -> str:
    return str(params.get("apply", "list"))


def _refresh(params: Mapping[str, Any]) -> bool:
    return bool(params.get("refresh", _apply(params) != "list"))


def _script(wish: Wish, apply: str) -> Script:
    params, dialect = wish.params, packages(wish.facts)
    if dialect is None:
        return Script(text=none_known(wish.facts))
    values = {
        "apply": apply,
        "exclude": " ".join(part.as_list(params.get("exclude"))),
        "hold": " ".join(part.as_list(params.get("hold"))),
        "refresh": "yes" if _refresh(params) else "no",
        "lock_wait": str(round(duration_s(params.get("lock_wait", "10m")))),
        "manager": dialect.manager,
    }
    return Script(text=script((dialect.text, f"patch_{dialect.text}", "patch"), values))


def _values(said: Answers) -> dict[str, Any]:
    """All that a script said, under the names that playbooks use."""
    waiting = _pending(said)
    upgraded = [{"name": row[0], "from": row[1], "to": row[2]} for row in said.fields("upgraded") if len(row) == 3]
    return {
        "packages": waiting,
        "count": sum(row["installed"] != "" for row in waiting),
        "security_count": sum(row["security"] and row["installed"] != "" for row in waiting),
        "held": list(said.every("held")),
        "kept_back": list(said.every("kept_back")),
        "upgraded": upgraded,
        "new": _versions(said, "new"),
        "removed": _versions(said, "removed"),
        "conffiles": list(said.every("conffile")),
        "repaired": list(said.every("repaired")),
        "broken": list(said.every("broken")),
        "restart": list(said.every("restart")),
        "reboot_required": bool(said.text("reboot")),
        "reboot_reason": said.text("reboot"),
        "lists_age_s": said.number("lists_age"),
    }


def _pending(said: Answers) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "installed": "" if installed == "-" else installed,
            "candidate": candidate,
            "origin": origin,
            "security": security == "yes",
            "left": left,
        }
        for name, installed, candidate, origin, security, left in (
            row for row in said.fields("pending") if len(row) == 6
        )
    ]


def _versions(said: Answers, key: str) -> list[dict[str, str]]:
    return [{"name": row[0], "version": row[1]} for row in said.fields(key) if len(row) == 2]


def _summary(apply: str, values: Mapping[str, Any]) -> str:
    reboot = "; a reboot is needed" if values["reboot_required"] else ""
    if apply == "list":
        security = f", {values['security_count']} for security" if values["security_count"] else ""
        return f"{values['count']} updates wait{security}{reboot}"
    kept = f"; {len(values['conffiles'])} configuration files kept" if values["conffiles"] else ""
    return f"{len(values['upgraded'])} packages upgraded{kept}{reboot}"
