"""A page asked for on the host, and what it must answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from runner.errors import InvalidInput
from runner.redact import Secret, cut
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, Mistake
from runner.steps.parts.texts import script
from runner.units import duration_s, whole_seconds

_STATUS = {"type": "integer", "minimum": 100, "maximum": 599}
_BODY = b"rawat:body=\n"
_NO_BODY = "'send' means nothing with method: HEAD, which sends no body"


class Http(HostKind):
    name: ClassVar[str] = "http"
    family: ClassVar[str] = "system"
    secret: ClassVar[tuple[str, ...]] = ("headers", "send")
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Ask a page",
        "The host itself asks, with curl, python3 or wget, whichever it has. All that is expected is looked at, and "
        "everything that is different is named with expected and found. Values: `status`, `ms` (milliseconds), "
        "`bytes`, `body` (the first 64 KiB; no more of it is kept on the host), `certificate_days` where `certificate` "
        "is asked for. `GET` and `HEAD` count as reading. Over a `watch`: `asked`, `p50_ms`, `p95_ms`, `p99_ms`, "
        "`max_ms` of all answers.",
        {
            "url": part.text("The address.", pattern="^https?://[^\\s]+$"),
            "method": part.choice("The method.", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], "GET"),
            "status": part.one_or_more(
                _STATUS, "The status that is expected, or several that are.", least=1, default=200
            ),
            "body": part.text("A text that the body must contain."),
            "matches": part.text("A regular expression that must be found in the body."),
            "max_ms": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "The longest time of the answer, in ms.",
            },
            "headers": part.strings("Headers to send. A secret may stand here."),
            "send": {"type": "string", "description": "A body to send. A secret may stand here."},
            "follow": part.flag("Follow redirects.", False),
            "ca": part.host_path("A file on the host with the authorities to trust instead of the system's."),
            "timeout": part.duration(
                "How long to wait for the whole answer, in whole seconds, rounded up; at least 1.", "30s"
            ),
            "certificate": part.duration("How long the server's certificate must be good still (https).", None),
            "percentiles": {
                "type": "object",
                "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
                "propertyNames": {"pattern": "^p[1-9][0-9]?$"},
                "minProperties": 1,
                "description": "The longest times in ms that so many in a hundred answers of a `watch` may take: "
                "`{p50: 100, p95: 400}`.",
            },
        },
        required=["url"],
        examples=[{"url": "http://127.0.0.1:8080/health", "status": 200, "body": '"ok"', "max_ms": 500}],
    )

    def reads_only(self, params: Any) -> bool:
        return isinstance(params, Mapping) and params.get("method", "GET") in ("GET", "HEAD", "OPTIONS")

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        if params.get("method") == "HEAD" and "send" in params:
            raise InvalidInput(_NO_BODY)
        env: dict[str, str | Secret] = {}
        for number, (name, value) in enumerate(params.get("headers", {}).items()):
            env[f"RAWAT_HEADER_{number}"] = _header(name, value)
        if (send := params.get("send")) is not None:
            env["RAWAT_SEND"] = send
        values = {
            "url": params["url"],
            "method": params.get("method", "GET"),
            "follow": "yes" if params.get("follow") else "no",
            "timeout": str(max(1, whole_seconds(params.get("timeout", "30s")))),
            "headers": str(len(params.get("headers", {}))),
        }
        if "certificate" in params:
            address = urlsplit(params["url"])
            values |= {"server": address.hostname or "", "port": str(address.port or 443)}
        values["certificate"] = "yes" if "certificate" in params else "no"
        return Script(text=script(("no_proxy", "certificate", "http"), values, {"ca": params.get("ca", "")}), env=env)

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        if not done.exit.ok:
            said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith("curl: ")]
            problem = f"{wish.params['url']}: {said[-1]}" if said else failure(done)
            return Verdict(ok=False, changed=False, problem=problem)
        head, _, body = done.stdout.partition(_BODY)
        said_ = Answers(head)
        text = body.decode("utf-8", "replace")
        values: dict[str, Any] = {
            "status": said_.number("status"),
            "ms": said_.number("ms"),
            "bytes": said_.number("bytes"),
            "body": text,
            "tool": said_.text("tool"),
        }
        wrong = _wrong(wish.params, values)
        if "certificate" in wish.params:
            days, problem = _certificate(wish.params, head)
            values["certificate_days"] = days
            wrong += [problem] if problem else []
        summary = f"status {values['status']} in {values['ms']} ms"
        changed = not self.reads_only(wish.params)
        return Verdict(ok=not wrong, changed=changed, problem="; ".join(wrong), values=values, summary=summary)

    def together(self, wish: Wish, seen: Sequence[Mapping[str, Any]]) -> Verdict | None:
        times = sorted(each["ms"] for each in seen if each.get("ms") is not None)
        if not times:
            return None
        values = {"asked": len(times), **{f"p{n}_ms": _percentile(times, n) for n in (50, 95, 99)}, "max_ms": times[-1]}
        wrong = [
            f"{wish.params['url']}: expected {name} of at most {most:g} ms, found {found} ms in {len(times)} answers"
            for name, most in wish.params.get("percentiles", {}).items()
            if (found := _percentile(times, int(name[1:]))) > most
        ]
        told = ", ".join(f"{name} {values[f'{name}_ms']} ms" for name in ("p50", "p95", "p99"))
        return Verdict(ok=not wrong, changed=False, problem="; ".join(wrong), values=values, summary=told)

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        if not isinstance(params, Mapping):
            return []
        found: list[Mistake] = []
        if "certificate" in params and str(params.get("url", "")).startswith("http:"):
            found.append((("certificate",), "a certificate is looked at where the url begins with https", ""))
        if params.get("method") == "HEAD" and "send" in params:
            found.append((("send",), _NO_BODY, ""))
        return found

    def watched(self, params: Any) -> Sequence[tuple[str | int, ...]]:
        return [("percentiles",)] if isinstance(params, Mapping) and "percentiles" in params else []

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        expected = " or ".join(str(status) for status in part.as_list(params.get("status", 200)))
        more = [f"{key} {params[key]!r}" for key in ("body", "matches") if key in params]
        more += [f"within {params['max_ms']} ms"] if "max_ms" in params else []
        more += [f"certificate good for {params['certificate']}"] if "certificate" in params else []
        return [f"{params.get('method', 'GET')} {params['url']}: {', '.join([f'status {expected}', *more])}"]


def _wrong(params: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Every difference between what is expected and what was found."""
    wrong = []
    url, body = params["url"], values["body"]
    expected = part.as_list(params.get("status", 200)) or [200]
    if values["status"] not in expected:
        words = " or ".join(str(status) for status in expected)
        wrong.append(f"{url}: expected status {words}, found {values['status']}")
    start = cut(" ".join(body.split()), 80)
    if "body" in params and params["body"] not in body:
        wrong.append(f"{url}: expected {params['body']!r} in the body, found {start!r}")
    if "matches" in params and not re.search(params["matches"], body):
        wrong.append(f"{url}: expected {params['matches']!r} to match the body, found {start!r}")
    if "max_ms" in params and (values["ms"] or 0) > params["max_ms"]:
        wrong.append(f"{url}: expected at most {params['max_ms']:g} ms, found {values['ms']} ms")
    return wrong


def _certificate(params: Mapping[str, Any], head: bytes) -> tuple[float | None, str]:
    """For how many days the certificate is good still, and what is wrong with that."""
    from email.utils import parsedate_to_datetime  # the email package takes long

    said = Answers(head)
    ends, now = said.text("certificate"), said.number("now")
    try:
        until = parsedate_to_datetime(ends).timestamp() if now is not None else 0.0
    except ValueError:
        until = 0.0
    if not until or now is None:
        return None, f"{params['url']}: the end of its certificate cannot be read from {ends!r}"
    days = round((until - now) / 86400, 2)
    needed = duration_s(params["certificate"]) / 86400
    if days >= needed:
        return days, ""
    wanted = f"{needed:g} days" if needed >= 1 else str(params["certificate"])
    return days, f"{params['url']}: expected a certificate that is good for {wanted} still, found {days} days ({ends})"


def _percentile(times: Sequence[int], percent: int) -> int:
    """Of sorted times, the least that `percent` in a hundred do not exceed."""
    return times[max(0, -(-len(times) * percent // 100) - 1)]


def _header(name: str, value: Any) -> str | Secret:
    if isinstance(value, Secret):
        return Secret(value.name, f"{name}: {value.reveal()}")
    return f"{name}: {value}"
