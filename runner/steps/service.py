"""Services: up, down, started anew; and whether they come up with the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, cannot_tell
from runner.steps.parts.texts import script
from runner.units import whole_seconds

_ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")


class Service(HostKind):
    name: ClassVar[str] = "service"
    family: ClassVar[str] = "system"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "A service up, down, or started anew",
        "By systemd, else by `service`. Afterwards the service must really be as asked: one that starts and "
        "falls over at once "
        "fails the step, with its last words. A unit of systemd with `Type=oneshot` is a job: `started` runs it each "
        "time, unless it stays active (`RemainAfterExit=yes`), and is done when it has ended well; the step's "
        "`timeout` bounds that. A job that systemd leaves out, since a condition of the unit is not met, fails the "
        "step. Where its end was not seen, nobody can see whether it ran: it stays in doubt. Values: `active`, `sub`, "
        "`enabled`, `pid`.",
        {
            "name": part.text(
                "The service, such as `postgresql` or `app@1.service`.", pattern="^[A-Za-z0-9][A-Za-z0-9@:._\\\\-]*$"
            ),
            "state": part.choice(
                "`started` and `stopped` do nothing where it is so already; `restarted` and `reloaded` always act.",
                ["started", "stopped", "restarted", "reloaded"],
            ),
            "enabled": {"type": "boolean", "description": "Whether it comes up with the host. Left out: as it is."},
            "timeout": part.duration(
                "How long it may take to be as asked, once it was told; in whole seconds, rounded up.", "60s"
            ),
        },
        required=["name"],
        anyOf=[{"required": ["state"]}, {"required": ["enabled"]}],
        examples=[{"name": "postgresql", "state": "started", "enabled": True}, {"name": "nginx", "state": "reloaded"}],
    )

    def confirms(self, params: Any) -> bool:
        return True

    def look(self, wish: Wish) -> Script | None:
        return None if wish.params.get("state") in ("restarted", "reloaded") else _script(wish.params, apply=False)

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        said = Answers(found.stdout)
        values = _values(said, "after")
        unfit = _unfit(wish.params, values)
        if _job(wish.params, said):
            left = _unfit({**wish.params, "state": ""}, values)
            job = f"{wish.params['name']} is a job (oneshot), which is run each time"
            return Check(needed=True if left else None, why="; ".join((*left, job)), values=values)
        return Check(needed=bool(unfit), why="; ".join(unfit) or f"{wish.params['name']} is as wanted", values=values)

    def stands(self, wish: Wish, found: Completed) -> Check:
        """The same for who only looks: a job that has ended well, or that a timer starts, is not down."""
        said = Answers(found.stdout)
        if not found.exit.ok or not _job(wish.params, said) or said.text("after_RemainAfterExit") == "yes":
            return self.judge(wish, found)
        values = _values(said, "after")
        name = wish.params["name"]
        unfit = _unfit({**wish.params, "state": ""}, values)
        state, result = values["active"], said.text("after_Result")
        ran = said.number("after_InactiveEnterTimestampMonotonic")
        if state not in ("inactive", "activating") or result != "success":
            unfit.append(f"{name}: expected a job that ended well, found {state} ({result})")
        elif state == "inactive" and not (ran or said.text("after_TriggeredBy")):
            unfit.append(f"{name}: a job (oneshot), and systemd knows of no run of it since the host came up")
        return Check(needed=bool(unfit), why="; ".join(unfit) or f"{name} is a job that ended well", values=values)

    def act(self, wish: Wish, found: Check | None) -> Script:
        return _script(wish.params, apply=True)

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said = Answers(done.stdout)
        values = _values(said, "after")
        if not done.exit.ok:
            return Verdict(ok=False, problem=failure(done), values=values)
        job = _job(wish.params, said)
        if unfit := _unfit({**wish.params, "state": ""} if job else wish.params, values):
            return Verdict(ok=False, problem="; ".join(unfit), values=values)
        always = job or wish.params.get("state") in ("restarted", "reloaded")
        changed = always or _values(said, "before") != values
        state = "ran to its end" if job else values["active"]
        return Verdict(ok=True, changed=changed, values=values, summary=f"{state}, {values['enabled']}")

    def preview(self, wish: Wish) -> Sequence[str]:
        params, lines = wish.params, []
        if "enabled" in params:
            lines.append(f"systemctl {'enable' if params['enabled'] is True else 'disable'} {params['name']}")
        verb = {"started": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}.get(
            params.get("state", "")
        )
        return [*lines, *([f"systemctl {verb} {params['name']}"] if verb else [])]


def _script(params: Mapping[str, Any], *, apply: bool) -> Script:
    values = {
        "name": params["name"],
        "state": params.get("state", ""),
        "enabled": ("yes" if params["enabled"] else "no") if "enabled" in params else "",
        "timeout": str(whole_seconds(params.get("timeout", "60s"))),
        "apply": "yes" if apply else "no",
    }
    return Script(text=script(("service",), values))


def _values(said: Answers, moment: str) -> dict[str, Any]:
    return {
        "load": said.text(f"{moment}_LoadState"),
        "active": said.text(f"{moment}_ActiveState"),
        "sub": said.text(f"{moment}_SubState"),
        "enabled": said.text(f"{moment}_UnitFileState"),
        "pid": said.number(f"{moment}_MainPID"),
    }


def _job(params: Mapping[str, Any], said: Answers) -> bool:
    """Whether it is to be started, ends by itself, and is not up: whether it ran is told by the act alone."""
    started = params.get("state") in ("started", "restarted")
    return started and said.text("after_Type") == "oneshot" and said.text("after_ActiveState") != "active"


def _unfit(params: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What is not as asked, expected and found."""
    name = params["name"]
    if found["load"] not in ("loaded", "masked"):
        return [f"there is no service {name} on this host ({found['load'] or 'nothing known'})"]
    unfit = []
    active = found["active"] in ("active", "reloading")
    if params.get("state") == "stopped" and found["active"] not in ("inactive", "failed"):
        unfit.append(f"{name}: expected stopped, found {found['active']}")
    elif params.get("state") in ("started", "restarted", "reloaded") and not active:
        unfit.append(f"{name}: expected active, found {found['active']}")
    if "enabled" in params and params["enabled"] != (found["enabled"] in _ENABLED):
        unfit.append(f"{name}: expected {'enabled' if params['enabled'] else 'disabled'}, found {found['enabled']}")
    return unfit
