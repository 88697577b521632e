"""Updates of the host's packages: listed, or applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.packages import none_known, not_handled, packages, waits
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, Mistake, cannot_tell, several
from runner.steps.parts.texts import script
from runner.units import whole_seconds

_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9+._:-]*$"}
_VERSION = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9.+:~^_-]*$"}
_PATTERN = {"type": "string", "pattern": "^[A-Za-z0-9*?\\[][A-Za-z0-9+._:*?\\[\\]-]*$"}


class Patch(HostKind):
    name: ClassVar[str] = "patch"
    family: ClassVar[str] = "system"
    unsettles: ClassVar[bool] = True
    evidence: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Updates of packages, listed or applied",
        "For apt, dnf and zypper. `list` needs no root and changes nothing. `security` and `all` repair packages that "
        "are half-configured (on RPM systems: in two versions), fetch everything first, keep the configuration files "
        "of the administrator and name those that have a new version beside them, and remove nothing. `back` puts "
        "packages to the versions that they had (`versions`, or without it: before this run began to move them, also "
        "where the step that moved them failed or was cut off), all of them or none: it says so where a version is in "
        "no repository and in no cache of the host any more. What came along new stays then, and so does "
        "what the newer version "
        "did to its own files and data. Whether a reboot is needed is said, never done.\n\n"
        "Values: `packages` (what waited: `name`, `installed`, `candidate`, `origin`, `security`, "
        "`security_version`: what "
        "`security` installs, on apt also where it is behind a newer candidate of another origin, `left`: why it was "
        "left out, `way_back`: whether the installed version could be had again), `count`, `security_count`, `held`, "
        "`kept_back`, `upgraded` (`name`, `from`, `to`), `restored` (the same, of `back`), `no_way_back`, `new`, "
        "`removed`, `conffiles`, `repaired`, `broken`, `restart` (services that run files which are replaced; "
        "only root can look, see `restart_looked`), "
        "`restart_why` (why they were not restarted), `restarted`, `reboot_required` "
        "(null: the host cannot tell), `reboot_reason`, `lists_age_s`, "
        "`known`.",
        {
            "apply": part.choice("What to do.", ["list", "security", "all", "back"], "list"),
            "exclude": part.one_or_more(
                _PATTERN,
                "Packages to leave as they are this time, by name or with the architecture (`libc6:i386`, "
                "`glibc.i686`); `*` and `?` match.",
                examples=["linux-*", ["nginx", "php*"]],
            ),
            "hold": part.one_or_more(_NAME, "Packages to hold from now on, before anything is upgraded."),
            "refresh": {
                "type": "boolean",
                "description": "Fetch the package lists first; needs root. Left out: only where updates are applied.",
            },
            "without_lists": part.choice(
                "What `list` comes to on a host of apt that has no package lists, so that nobody can say which updates "
                "wait: the step fails, or passes and says so (`known` is false).",
                ["fail", "pass"],
                "fail",
            ),
            "versions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": _NAME, "from": _VERSION},
                    "required": ["name", "from"],
                },
                "description": "With `back`: which packages, and to which versions: what an earlier step registered as "
                "`upgraded`. Left out: all that this run has moved on the host.",
            },
            "restart": part.choice(
                "What to do with services that still run files which were replaced (by needrestart where it is, else "
                "by what is mapped into their processes): `list` them, or `restart` them and see that they are up. "
                "Those that would take sessions, the network or containers along are listed only.",
                ["list", "restart"],
                "list",
            ),
            "keep_running": part.one_or_more(
                _PATTERN, "Services that are not restarted; `*` and `?` match.", examples=["postgresql*"]
            ),
            "lock_wait": part.duration(
                "How long to wait for another program that holds the package database; who it is is told, and the time "
                "is on record as waiting.",
                "10m",
            ),
        },
        examples=[
            {"apply": "list"},
            {"apply": "security", "exclude": ["linux-*"], "restart": "restart"},
            {"apply": "back", "versions": "{{ upgrade.upgraded }}"},
            {"apply": "back"},
        ],
    )

    def reads_only(self, params: Any) -> bool:
        return isinstance(params, Mapping) and params.get("apply", "list") == "list" and not params.get("refresh")

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        """What is said in so many words: one step may serve several ways where `apply` is a variable."""
        if not isinstance(params, Mapping) or _apply(params) != "list":
            return []
        unfit = [key for key, on in (("hold", "hold" in params), ("restart", params.get("restart") == "restart")) if on]
        return [((key,), f"'{key}' changes the host, and apply: list only looks", "") for key in unfit]

    def look(self, wish: Wish) -> Script | None:
        # Without fresh lists nobody can say that there is nothing to do.
        apply = _apply(wish.params)
        if apply == "list" or _refresh(wish.params):
            return None
        return _script(wish, "back" if apply == "back" else "list", dry=True)

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        said = Answers(found.stdout)
        values = _values(said)
        if _apply(wish.params) == "back":
            rows = [f"{name} to {version}" for name, version in said.fields("goes_back")]
            return Check(needed=bool(rows), why=several(rows) or "every package has that version", values=values)
        wanted = [
            row["name"]
            for row in values["packages"]
            if not row["left"] and (row["security"] or _apply(wish.params) == "all")
        ]
        held = values["held"]
        hold = [name for name in part.as_list(wish.params.get("hold")) if name not in held]
        if hold and not wanted:
            return Check(needed=True, why=f"not held yet: {several(hold)}", values=values)
        if wanted:
            return Check(needed=True, why=f"{len(wanted)} updates wait: {several(wanted)}", values=values)
        return Check(needed=False, why="no update waits", values=values)

    def act(self, wish: Wish, found: Check | None) -> Script:
        return _script(wish, _apply(wish.params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said, apply = Answers(done.stdout), _apply(wish.params)
        values = _values(said)
        if apply == "back":
            values |= {"restored": values["upgraded"], "upgraded": []}
        changed = any(values[key] for key in ("upgraded", "restored", "new", "removed", "repaired", "restarted"))
        waited = waits(said)
        if not done.exit.ok:
            problem, changed = failure(done), changed and apply != "list"
            return Verdict(ok=False, changed=changed, problem=problem, values=values, waits=waited)
        return Verdict(ok=True, changed=changed, values=values, summary=_summary(apply, values), waits=waited)

    def preview(self, wish: Wish) -> Sequence[str]:
        dialect, apply = packages(wish.facts), _apply(wish.params)
        if dialect is None:
            return [not_handled(wish.facts)]
        apt = dialect.text == "apt"
        program = "apt-get" if apt else dialect.manager
        if apply == "list":
            return ["apt-get -s --with-new-pkgs upgrade" if apt else f"{program} check-update"]
        if apply == "back":
            words = [f"{row['name']}={row['from']}" for row in wish.params.get("versions") or [] if "name" in row]
            words = words or ["{what this run moved, as it was before}"]
            back = {"zypper": "zypper install --oldpackage", "dnf": "dnf downgrade"}.get(program)
            return [f"{back or 'apt-get -y --no-remove --allow-downgrades install'} {' '.join(words)}"]
        which = "{security updates}" if apply == "security" else "{all updates}"
        lines = [f"{program} update"] if _refresh(wish.params) else []
        lines += [f"hold {name}" for name in part.as_list(wish.params.get("hold"))]
        install = "install --only-upgrade" if apt else "upgrade"
        options = " -y --no-remove -o Dpkg::Options::=--force-confold" if apt else " -y"
        left = part.as_list(wish.params.get("exclude"))
        lines.append(f"{program}{options} {install} {which}{' but ' + ' '.join(left) if left else ''}")
        restart = wish.params.get("restart") == "restart"
        return [*lines, "systemctl restart {services that run what was replaced}"] if restart else lines


def _apply(params: Mapping[str, Any]) -> str:
    return str(params.get("apply", "list"))


def _refresh(params: Mapping[str, Any]) -> bool:
    return bool(params.get("refresh", _apply(params) in ("security", "all")))


def _script(wish: Wish, apply: str, *, dry: bool = False) -> Script:
    params, dialect = wish.params, packages(wish.facts)
    if dialect is None:
        return Script(text=none_known(wish.facts))
    if _apply(params) != "back" and "versions" in params:
        raise InvalidInput("versions: goes with apply: back")
    values = {
        "apply": apply,
        "dry": "yes" if dry else "no",
        "whole_run": "no" if "versions" in params else "yes",
        "kept": f"/var/lib/rawat-versions/{wish.run_id}",
        "versions_": " ".join(f"{row['name']}={row['from']}" for row in params.get("versions", [])),
        "restart": params.get("restart", "list"),
        "keep_running": " ".join(part.as_list(params.get("keep_running"))),
        "exclude": " ".join(part.as_list(params.get("exclude"))),
        "hold": " ".join(part.as_list(params.get("hold"))),
        "refresh": "yes" if _refresh(params) else "no",
        "without_lists": params.get("without_lists", "fail"),
        "lock_wait": str(whole_seconds(params.get("lock_wait", "10m"))),
        "manager": dialect.manager,
    }
    texts = ("package_lock", dialect.text, "stale", "newest_kernel", "reboot_reason", f"patch_{dialect.text}", "patch")
    return Script(text=script(texts, values))


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
        "restored": [],
        "no_way_back": _versions(said, "no_way_back"),
        "restart": list(dict.fromkeys(row[0] for row in said.fields("restart"))),
        "restart_looked": said.text("restart_looked") == "yes",
        "restart_why": {row[0]: row[1] for row in said.fields("restart") if len(row) == 2},
        "restarted": list(said.every("restarted")),
        "reboot_required": None if said.text("reboot_doubt") else bool(said.text("reboot")),
        "reboot_reason": said.text("reboot") or said.text("reboot_doubt"),
        "lists_age_s": said.number("lists_age"),
        "known": not said.text("no_lists"),
    }


def _pending(said: Answers) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "installed": "" if installed == "-" else installed,
            "candidate": candidate,
            "origin": "" if origin == "-" else origin,
            "security": security == "yes" or hidden != "-",
            "security_version": candidate if security == "yes" else "" if hidden == "-" else hidden,
            "left": left,
            "way_back": back == "yes" if installed != "-" else None,
        }
        for name, installed, candidate, origin, security, left, back, hidden in (
            row for row in said.fields("pending") if len(row) == 8
        )
    ]


def _versions(said: Answers, key: str) -> list[dict[str, str]]:
    return [{"name": row[0], "version": row[1]} for row in said.fields(key) if len(row) == 2]


def _summary(apply: str, values: Mapping[str, Any]) -> str:
    restarts = f"; {len(values['restart'])} services need a restart" if values["restart"] else ""
    reboot = {True: "; a reboot is needed", None: "; nobody can say whether a reboot is needed"}.get(
        values["reboot_required"], ""
    )
    if apply == "list" and not values["known"]:
        return f"no package lists: nobody can say which updates wait{restarts}{reboot}"
    if apply == "list":
        security = f", {values['security_count']} for security" if values["security_count"] else ""
        days = (values["lists_age_s"] or 0) // 86400
        stale = f", by package lists of {days} days ago" if days > 1 else ""
        return f"{values['count']} updates wait{security}{stale}{restarts}{reboot}"
    kept = f"; {len(values['conffiles'])} configuration files kept" if values["conffiles"] else ""
    restarted = f"; {len(values['restarted'])} services restarted" if values["restarted"] else ""
    back = f"; {len(values['kept_back'])} kept back" if values["kept_back"] else ""
    moved = (
        f"{len(values['restored'])} packages put back"
        if apply == "back"
        else f"{len(values['upgraded'])} packages upgraded"
    )
    return f"{moved}{back}{kept}{restarted}{restarts}{reboot}"
