"""The state of the system itself: clock, kernel, units that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import Probe
from runner.steps.parts.texts import script
from runner.units import duration_s

_CLOCK = ("synchronised", "offset", "timezone")


class System(Probe):
    name: ClassVar[str] = "system"
    family: ClassVar[str] = "system"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Clock, kernel and failed units",
        "Looks at what is asked for, and fails with all that is not so, expected and found. What the host cannot tell "
        "(no chrony, no systemd, a fault of needs-restarting) "
        "is a failure, too. Whether packages are whole and which updates wait is said by "
        "`patch`. Values: `synchronised`, `offset_s`, `timezone`, `kernel`, `newest_kernel`, `reboot_needed`, "
        "`reboot_reason`, `failed_units`.",
        {
            "synchronised": part.flag("The clock is kept right over the network (systemd or chrony say so).", True),
            "offset": part.duration("The most that the clock may be off, by chrony or systemd-timesyncd.", None),
            "timezone": part.text("The host's time zone.", examples=["Asia/Jakarta"]),
            "kernel": part.text("The kernel that runs: `newest` of those installed, or a version."),
            "reboot_needed": {
                "const": False,
                "description": "Nothing on the host asks for a reboot.",
            },
            "failed_units": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "description": "The only units that may have failed, as `*` and `?` match; an empty list: none.",
            },
        },
        minProperties=1,
        examples=[{"synchronised": True, "kernel": "newest", "reboot_needed": False, "failed_units": []}],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        asked = ["clock"] if any(key in params for key in _CLOCK) else []
        asked += ["kernel"] if "kernel" in params else []
        asked += ["units"] if "failed_units" in params else []
        texts = [
            "units",
            "newest_kernel",
            "system",
            *(["reboot_reason", "reboot_needed"] if "reboot_needed" in params else []),
        ]
        return Script(text=script(tuple(texts), {"asked": " ".join(asked)}))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        if not done.exit.ok:
            return Verdict(ok=False, changed=False, problem=failure(done))
        values = _values(Answers(done.stdout))
        wrong = _wrong(wish.params, values)
        told = {key: value for key, value in values.items() if _asked(key, wish.params)}
        summary = ", ".join(f"{key} {value}" for key, value in told.items() if value not in ("", None, []))
        return Verdict(ok=not wrong, changed=False, problem="; ".join(wrong), values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        return [f"{key.replace('_', ' ')}: {value}" for key, value in wish.params.items()]


def _asked(key: str, params: Mapping[str, Any]) -> bool:
    return key in params or (key == "offset_s" and "offset" in params)


def _values(said: Answers) -> dict[str, Any]:
    return {
        "synchronised": {"yes": True, "no": False}.get(said.text("synchronised")),
        "offset_s": said.decimal("offset"),
        "timezone": said.text("timezone"),
        "kernel": said.text("kernel"),
        "newest_kernel": said.text("newest"),
        "reboot_needed": {"yes": True, "no": False}.get(said.text("needed")),
        "reboot_reason": said.text("why").strip(),
        "failed_units": list(said.every("failed_unit")),
    }


def _wrong(params: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """All that is not as asked, expected and found."""
    wrong = []
    if "synchronised" in params and found["synchronised"] is not params["synchronised"]:
        told = {True: "that it is", False: "that it is not", None: "nothing that can tell"}
        wanted = "synchronised" if params["synchronised"] else "not synchronised"
        wrong.append(f"clock: expected it {wanted}, found {told[found['synchronised']]}")
    if "offset" in params:
        most, off = duration_s(params["offset"]), found["offset_s"]
        if off is None:
            wrong.append(f"clock: expected at most {most:g} s off, found nothing that can tell (chrony, timesyncd)")
        elif abs(off) > most:
            wrong.append(f"clock: expected at most {most:g} s off, found {off:g} s")
    if "timezone" in params and found["timezone"] != params["timezone"]:
        wrong.append(f"time zone: expected {params['timezone']}, found {found['timezone'] or 'none'}")
    if "kernel" in params:
        wanted = found["newest_kernel"] or found["kernel"] if params["kernel"] == "newest" else params["kernel"]
        if found["kernel"] != wanted:
            wrong.append(f"kernel: expected {wanted} to run, found {found['kernel']}")
    if "reboot_needed" in params and found["reboot_needed"] is not False:
        seen = "that one is" if found["reboot_needed"] else "nothing that can tell"
        why = f" ({'for ' if found['reboot_needed'] else ''}{found['reboot_reason']})" if found["reboot_reason"] else ""
        wrong.append(f"reboot: expected none to be needed, found {seen}{why}")
    allowed = params.get("failed_units", ())
    for unit in found["failed_units"]:
        if not any(fnmatchcase(unit, pattern) for pattern in allowed):
            wrong.append(f"unit {unit}: expected not failed, found failed")
    return wrong
