"""What an attacker would look at first: ports that are open to others, and logins that failed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import Probe
from runner.steps.parts.sockets import Listening, listening
from runner.steps.parts.texts import script
from runner.units import whole_seconds


class Security(Probe):
    name: ClassVar[str] = "security"
    family: ClassVar[str] = "system"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Open ports and failed logins",
        "Ports that listen for others and are not on the list fail the step, as do more failed logins than are "
        "allowed; each is named. What listens on loopback only is left out of account. Permissions of files are looked "
        "at by the kind `file`, waiting security updates by `patch`, both of them probes of `verify`. Values: `open` "
        "(`port`, `protocol`, `address`), `surplus`, `failed_logins`, `last`.",
        {
            "ports": {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"type": "integer", "minimum": 1, "maximum": 65535},
                        {"type": "string", "pattern": "^[0-9]{1,5}(/(tcp|udp))?$"},
                    ]
                },
                "description": "The only ports that may be open to others: `22`, `53/udp`; a number is TCP. "
                "UDP is looked at only where the list has one.",
            },
            "failed_logins": part.whole("The most failed logins.", minimum=0),
            "within": part.duration("In how long a time up to now they count; `1h` where it is left out.", "1h"),
        },
        anyOf=[{"required": ["ports"]}, {"required": ["failed_logins"]}],
        dependentRequired={"within": ["failed_logins"]},
        examples=[{"ports": [22, 443, "53/udp"], "failed_logins": 20, "within": "24h"}],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        within = str(whole_seconds(params.get("within", "1h"))) if "failed_logins" in params else ""
        return Script(
            text=script(("listening", "security"), {"ports": "yes" if "ports" in params else "no", "within": within})
        )

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        params, said = wish.params, Answers(done.stdout)
        if not done.exit.ok:
            return Verdict(ok=False, changed=False, problem=failure(done))
        values: dict[str, Any] = {}
        wrong = []
        if "ports" in params:
            there = [each for each in listening(said) if not each.loopback]
            surplus = [each for each in there if not _allowed(each, params["ports"])]
            values["open"] = [{"port": each.port, "protocol": each.protocol, "address": each.address} for each in there]
            values["surplus"] = [str(each) for each in surplus]
            wanted = ", ".join(str(port) for port in params["ports"]) or "none"
            wrong += [f"port {each}: expected only {wanted} to be open, found it listening" for each in surplus]
        if "failed_logins" in params:
            logins = said.number("logins") or 0
            values |= {"failed_logins": logins, "last": said.text("last")}
            if logins > params["failed_logins"]:
                last = said.text("last").splitlines()[-1:]
                wrong.append(
                    f"failed logins: expected at most {params['failed_logins']} within {params.get('within', '1h')}, "
                    f"found {logins}" + (f", the last: {last[0]}" if last else "")
                )
        return Verdict(ok=not wrong, changed=False, problem="; ".join(wrong), values=values, summary=_summary(values))

    def preview(self, wish: Wish) -> Sequence[str]:
        params, lines = wish.params, []
        if "ports" in params:
            lines.append(f"open ports: only {', '.join(str(port) for port in params['ports']) or 'none'}")
        if "failed_logins" in params:
            lines.append(f"failed logins: at most {params['failed_logins']} within {params.get('within', '1h')}")
        return lines


def _allowed(found: Listening, ports: Sequence[Any]) -> bool:
    wanted = [re.fullmatch(r"([0-9]+)(?:/(tcp|udp))?", str(port)) for port in ports]
    known = {(int(match[1]), match[2] or "tcp") for match in wanted if match}
    if found.protocol == "udp" and not any(protocol == "udp" for _, protocol in known):
        return True
    return (found.port, found.protocol) in known


def _summary(values: Mapping[str, Any]) -> str:
    said = [f"{len(values['open'])} ports open to others"] if "open" in values else []
    said += [f"{values['failed_logins']} failed logins"] if "failed_logins" in values else []
    return ", ".join(said)
