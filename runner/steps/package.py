"""Packages that must be there, must not, or must stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.packages import none_known, not_handled, packages, waits
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, cannot_tell, several
from runner.steps.parts.texts import script
from runner.units import whole_seconds

# No name may end with `-`: apt would remove it.
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9+._-]*(:[a-z0-9]+)?$", "not": {"pattern": "-$"}}


class Package(HostKind):
    name: ClassVar[str] = "package"
    family: ClassVar[str] = "system"
    unsettles: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Packages there, gone, or held",
        "For apt, dnf and zypper. Nothing is asked, configuration files of the administrator stay, and nothing "
        "is removed that "
        "was not named: where others would go too, the step fails and names them. Needs root. Values: "
        "`packages` (before "
        "and after: `status`, `version`, `held`), `moved`.",
        {
            "name": {**_NAME, "description": "One package."},
            "names": {
                "type": "array",
                "items": _NAME,
                "minItems": 1,
                "description": "Several packages, instead of `name`.",
            },
            "state": part.choice(
                "`present`: installed, in any version; `latest`: in the newest that the host's lists know; "
                "`absent`; `held`: kept "
                "from upgrades; `unheld`.",
                ["present", "latest", "absent", "held", "unheld"],
                "present",
            ),
            "version": part.text(
                "With `name` and `present`: exactly this version, an older one too.",
                pattern="^[A-Za-z0-9][A-Za-z0-9.+:~_-]*$",
            ),
            "refresh": part.flag("Fetch the package lists first.", False),
            "lock_wait": part.duration(
                "How long to wait for another program that holds the package database; who it is is told, and the time "
                "is on record as waiting.",
                "10m",
            ),
        },
        oneOf=[{"required": ["name"]}, {"required": ["names"]}],
        examples=[
            {"name": "postgresql-client", "state": "present"},
            {"names": ["nginx", "nginx-common"], "state": "held"},
            {"name": "curl", "version": "7.88.1-10+deb12u8"},
        ],
    )

    def confirms(self, params: Any) -> bool:
        return True

    def look(self, wish: Wish) -> Script | None:
        return _script(wish, apply=False)

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        states = _states(Answers(found.stdout), "after")
        unfit = _unfit(wish.params, states)
        values = {"packages": {name: {"before": found, "after": found} for name, found in states.items()}, "moved": []}
        if unfit:
            return Check(needed=True, why=several(unfit), values=values)
        return Check(needed=False, why=f"{', '.join(_names(wish.params))}: as wanted", values=values)

    def act(self, wish: Wish, found: Check | None) -> Script:
        return _script(wish, apply=True)

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said = Answers(done.stdout)
        before, after = _states(said, "before"), _states(said, "after")
        moved = [
            f"{name} {_told(before[name])} -> {_told(after[name])}"
            for name in after
            if name in before and before[name] != after[name]
        ]
        values: dict[str, Any] = {
            "packages": {name: {"before": before.get(name), "after": after[name]} for name in after}
        }
        if not done.exit.ok:
            return Verdict(ok=False, problem=failure(done), values=values, waits=waits(said))
        values["moved"] = moved
        if unfit := _unfit(wish.params, after):
            return Verdict(ok=False, changed=bool(moved), problem=several(unfit), values=values, waits=waits(said))
        summary = several(moved) or "nothing to do"
        return Verdict(ok=True, changed=bool(moved), values=values, summary=summary, waits=waits(said))

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        dialect, names, state = packages(wish.facts), " ".join(_names(params)), _state(params)
        if dialect is None:
            return [not_handled(wish.facts)]
        apt = dialect.text == "apt"
        program = "apt-get -y --no-remove" if apt else f"{dialect.manager} -y"
        match state:
            case "held" | "unheld":
                words = {"apt": ("apt-mark hold", "apt-mark unhold"), "zypper": ("zypper addlock", "zypper removelock")}
                lock = words.get(dialect.manager, ("dnf versionlock add", "dnf versionlock delete"))
                return [f"{lock[state == 'unheld']} {names}"]
            case "absent":
                return [f"{program} remove {names}"]
            case _:
                return [f"{program} install {names}{'=' + params['version'] if 'version' in params else ''}"]


def _script(wish: Wish, *, apply: bool) -> Script:
    params, dialect = wish.params, packages(wish.facts)
    if "version" in params and ("names" in params or _state(params) != "present"):
        raise InvalidInput("version: goes with name and state: present only")
    if dialect is None:
        return Script(text=none_known(wish.facts))
    values = {
        "names": " ".join(_names(params)),
        "state": _state(params),
        "version": params.get("version", ""),
        "refresh": "yes" if params.get("refresh") else "no",
        "lock_wait": str(whole_seconds(params.get("lock_wait", "10m"))),
        "manager": dialect.manager,
        "apply": "yes" if apply else "no",
    }
    return Script(text=script(("package_lock", dialect.text, f"package_{dialect.text}", "package"), values))


def _names(params: Mapping[str, Any]) -> list[str]:
    return [params["name"]] if "name" in params else list(params["names"])


def _state(params: Mapping[str, Any]) -> str:
    return str(params.get("state", "present"))


def _states(said: Answers, moment: str) -> dict[str, dict[str, Any]]:
    """What the host said of each package at a moment."""
    return {
        name: {"status": status or "not installed", "version": version, "candidate": candidate, "held": hold == "yes"}
        for name, status, version, candidate, hold in (row for row in said.fields(moment) if len(row) == 5)
    }


def _unfit(params: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which packages are not as wanted, expected and found."""
    state, unfit = _state(params), []
    for name in _names(params):
        found = states.get(name, {"status": "not installed", "version": "", "candidate": "", "held": False})
        there = found["status"] not in ("not installed", "not-installed", "config-files")
        match state:
            case "absent":
                good = not there
            case "held":
                good = bool(found["held"])
            case "unheld":
                good = not found["held"]
            case "latest":
                good = found["status"] == "installed" and found["version"] == found["candidate"]
            case _:
                good = found["status"] == "installed" and params.get("version") in (None, found["version"])
        if not good:
            wanted = params.get("version") or (f"latest {found['candidate']}" if state == "latest" else state)
            unfit.append(f"{name}: expected {wanted}, found {_told(found)}")
    return unfit


def _told(found: Mapping[str, Any] | None) -> str:
    if not found:
        return "nothing"
    version = found["version"] if found["status"] == "installed" else f"{found['status']} {found['version']}".strip()
    return f"{version}, held" if found["held"] else str(version)
