"""Probes that any host can answer: room on a disk, and waiting until something is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import Mistake, Probe
from runner.steps.parts.texts import script
from runner.units import Amount, amount, duration_s, text_of_size, whole_seconds


class Disk(Probe):
    name: ClassVar[str] = "disk"
    family: ClassVar[str] = "system"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Room on a disk",
        "Fails where the file system that holds the path has less room than asked for; expected and found are "
        "both named. "
        "A path that does not exist yet is judged by the nearest folder above it. Values: `free_bytes`, `total_bytes`, "
        "`free_percent`, `inodes_free`, `inodes_free_percent`, `mount`.",
        {
            "path": part.host_path("A path on the file system."),
            "free": part.size("The least room that an ordinary user must find.", share=True),
            "inodes_free": {
                "anyOf": [
                    {"type": "integer", "minimum": 0},
                    {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?\\s*%$"},
                ],
                "description": "The least number of free inodes, or their share such as `5%`.",
            },
        },
        required=["path"],
        examples=[{"path": "/var/backups", "free": "10GB", "inodes_free": "5%"}],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        return Script(text=script(("disk",), paths={"path": wish.params["path"]}))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        values = _room(done)
        if not done.exit.ok or values is None:
            why = failure(done) if not done.exit.ok else "df gave no figures that can be read"
            return Verdict(ok=False, changed=False, problem=f"{wish.params['path']}: {why}")
        short = []
        if "free" in wish.params:
            wanted = amount(wish.params["free"])
            if _below(wanted, values["free_bytes"], values["free_percent"]):
                short.append(f"expected at least {wanted} free on {values['mount']}, found {_free(values)}")
        if "inodes_free" in wish.params and values["inodes_total"]:
            wanted = amount(wish.params["inodes_free"])
            if _below(wanted, values["inodes_free"], values["inodes_free_percent"]):
                text = str(wanted) if wanted.percent is not None else str(wanted.bytes)
                short.append(
                    f"expected at least {text} inodes free on {values['mount']}, "
                    f"found {values['inodes_free']} ({values['inodes_free_percent']:.1f} %)"
                )
        return Verdict(
            ok=not short, changed=False, problem="; ".join(short), values=values, summary=_free(values) + " free"
        )

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        wanted = [f"at least {params['free']} free"] if "free" in params else []
        wanted += [f"at least {params['inodes_free']} inodes free"] if "inodes_free" in params else []
        return [f"df {params['path']}: {', '.join(wanted) or 'look only'}"]


class Wait(Probe):
    name: ClassVar[str] = "wait"
    family: ClassVar[str] = "system"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Wait until something is so",
        "Looks again and again, on the host, until a port, a file or a page is as wanted; fails where that "
        "takes longer than "
        "`timeout`. Values: `seen`, `looks`, `seconds`.",
        {
            "port": part.whole("A TCP port that must take connections.", minimum=1, maximum=65535),
            "host": part.text("The address of the port, as the host sees it.", default="127.0.0.1"),
            "file": part.host_path("A path that must be there."),
            "http": part.text("An address of a page that must answer.", pattern="^https?://[^\\s]+$"),
            "status": part.whole("The status that the page must have.", minimum=100, maximum=599, default=200),
            "gone": part.flag("Wait for the contrary: the port closed, the file not there. Not for `http`.", False),
            "timeout": part.duration(
                "How long to wait in all, in whole seconds, rounded up; with 0 it looks once.", "5m"
            ),
            "every": part.duration("How long to wait between two looks.", "1s"),
        },
        oneOf=[{"required": ["port"]}, {"required": ["file"]}, {"required": ["http"]}],
        dependentRequired={"host": ["port"], "status": ["http"]},
        examples=[
            {"port": 5432, "timeout": "2m"},
            {"file": "/run/app.pid", "gone": True},
            {"http": "http://127.0.0.1:8080/"},
        ],
    )

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        return [(("gone",), _NOT_GONE, "")] if isinstance(params, Mapping) and _no_page(params) else []

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        if _no_page(params):
            raise InvalidInput(_NOT_GONE)
        what = next(key for key in ("port", "file", "http") if key in params)
        values = {
            "what": what,
            "host": params.get("host", "127.0.0.1"),
            "port": str(params.get("port", "")),
            "http": params.get("http", ""),
            "status": str(params.get("status", 200)),
            "state": _state(params),
            "expected": _expected(params),
            "timeout": str(whole_seconds(params.get("timeout", "5m"))),
            "every": f"{max(0.1, duration_s(params.get('every', '1s'))):g}",
        }
        return Script(text=script(("no_proxy", "wait"), values, {"file": params.get("file", "")}))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said = Answers(done.stdout)
        values = {"seen": said.text("seen"), "looks": said.number("looks"), "seconds": said.number("seconds")}
        if not done.exit.ok:
            return Verdict(ok=False, changed=False, problem=failure(done), values=values)
        return Verdict(ok=True, changed=False, values=values, summary=f"{values['seen']} after {values['seconds']} s")

    def preview(self, wish: Wish) -> Sequence[str]:
        return [f"wait at most {wish.params.get('timeout', '5m')} for {_expected(wish.params)}"]


_NOT_GONE = "'gone' waits for a port or a file; for a page say which 'status' it must have, or wait for its port"


def _no_page(params: Mapping[str, Any]) -> bool:
    return "http" in params and params.get("gone") is True


def _state(params: Mapping[str, Any]) -> str:
    gone = params.get("gone") is True
    if "port" in params:
        return "closed" if gone else "open"
    return "absent" if gone else "present"


def _expected(params: Mapping[str, Any]) -> str:
    if "port" in params:
        return f"{params.get('host', '127.0.0.1')}:{params['port']} {_state(params)}"
    if "file" in params:
        return f"{params['file']} {_state(params)}"
    return f"{params['http']} status {params.get('status', 200)}"


def _room(done: Completed) -> dict[str, Any] | None:
    """The figures of df; None where they cannot be read. Some file systems count no inodes: then they are 0."""
    said = Answers(done.stdout)
    try:
        total, free = (int(field) * 1024 for field in said.fields("kilobytes")[-1])
    except (IndexError, ValueError):
        return None
    try:
        inodes, inodes_free = (int(field) for field in said.fields("inodes")[-1])
    except (IndexError, ValueError):
        inodes, inodes_free = 0, 0
    return {
        "free_bytes": free,
        "total_bytes": total,
        "free_percent": round(100 * free / total, 2) if total else 0.0,
        "inodes_free": inodes_free,
        "inodes_total": inodes,
        "inodes_free_percent": round(100 * inodes_free / inodes, 2) if inodes else 0.0,
        "mount": said.text("mount"),
    }


def _below(wanted: Amount, free: int, percent: float) -> bool:
    return percent < wanted.percent if wanted.percent is not None else free < (wanted.bytes or 0)


def _free(values: Mapping[str, Any]) -> str:
    free, total = text_of_size(values["free_bytes"]), text_of_size(values["total_bytes"])
    return f"{free} of {total} ({values['free_percent']:.1f} %)"
