"""Many probes in one trip: all are made, all that failed is named; and a host compared with how it was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.document.schema import nested
from runner.redact import cut
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps import baseline as base
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.bundle import bundle, unbundle
from runner.steps.parts.kind import Mistake, Probe
from runner.steps.probes import PROBE, PROBES, Probing, kind_of, listed, mistakes, probes_of, watched
from runner.units import duration_s


class Verify(Probe):
    name: ClassVar[str] = "verify"
    family: ClassVar[str] = "system"
    evidence: ClassVar[bool] = True
    within: ClassVar[tuple[str, ...]] = tuple(PROBES)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Verify that all is well, or as it was",
        "Makes every probe, whatever the others say, in one trip to the host; the step fails where one of them does, "
        "and names all that failed, each with expected and found. A probe is a kind with its parameters: "
        f"{', '.join(f'`{name}`' for name in PROBES)}; those that could change something only look here. "
        "`services`, `ports` and `pages` are short for probes that are asked for most.\n\n"
        "`baseline` takes down how the host is: which services run and stay, failed units, listening ports, packages, "
        "mounts, and the values of queries under `rows`. A first step registers it; a later one with `against` takes "
        "it again and compares. What may be different is said by `allow`; the values name it all the same.\n\n"
        "Values: `probes` (`kind`, `title`, `ok`, `problem`, `values`), `count`, `failed` (the problems), `baseline`, "
        "`differences`.",
        {
            "probes": {"type": "array", "items": PROBE, "description": "What is found out, one kind each."},
            "services": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "description": "Services that must be up. A job (`Type=oneshot`) that has ended well, or that a timer "
                "starts, is not down.",
            },
            "ports": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": 65535},
                "description": "TCP ports on the host itself that must take connections.",
            },
            "pages": {
                "type": "array",
                "items": {"type": "string", "pattern": "^https?://[^\\s]+$"},
                "description": "Pages that must answer with status 200.",
            },
            "probe_timeout": part.duration(
                "How long one probe may take; one that hangs is ended and failed, and the others are made.", "2m"
            ),
            "baseline": {
                "type": "array",
                "items": {"enum": list(base.PARTS)},
                "description": f"What is taken down of the host: {', '.join(f'`{name}`' for name in base.PARTS)}.",
            },
            "rows": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["sql"],
                    "properties": {
                        "sql": nested(kind_of("sql").schema),
                        "may": {"enum": ["equal", "grow", "differ"], "default": "equal"},
                    },
                },
                "description": "Queries by name, whose value is taken down as well, and whether it must be `equal` "
                "later, may `grow`, or may `differ`.",
            },
            "against": {
                "type": ["object", "string"],
                "description": "An earlier `baseline`, as it was registered, or as JSON text.",
            },
            "allow": {
                "type": "array",
                "items": {"enum": list(base.DIFFERENCES)},
                "default": ["changed-packages", "new-packages"],
                "description": f"Differences that are no failure: {', '.join(base.DIFFERENCES)}.",
            },
        },
        anyOf=[{"required": [name]} for name in ("probes", "services", "ports", "pages", "baseline", "rows")],
        examples=[
            {
                "services": ["postgresql"],
                "ports": [5432],
                "probes": [
                    {"disk": {"path": "/var", "free": "10%"}},
                    {
                        "title": "No loan without a branch",
                        "sql": {
                            "engine": "postgresql",
                            "database": "shopintar",
                            "query": "select count(*) as lost from loans where branch is null",
                        },
                        "expect": "result.value == 0",
                    },
                ],
            },
            {"baseline": ["services", "failed_units", "ports"], "against": "{{ before.baseline }}"},
        ],
    )

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        if not isinstance(params, Mapping):
            return []
        found: list[Mistake] = [
            (("probes", *where), message, word) for where, message, word in mistakes(params.get("probes"))
        ]
        rows = params.get("rows")
        for name, given in rows.items() if isinstance(rows, Mapping) else ():
            if isinstance(given, Mapping) and not kind_of("sql").reads_only(given.get("sql")):
                found.append((("rows", name, "sql"), "this would change the host; 'verify' only looks", ""))
        if "against" in params and not ({"baseline", "rows"} & params.keys()):
            found.append((("against",), "say under 'baseline' or 'rows' what is to be compared", ""))
        return found

    def watched(self, params: Any) -> Sequence[tuple[str | int, ...]]:
        return [("probes", *where) for where in watched(params.get("probes"))] if isinstance(params, Mapping) else []

    def act(self, wish: Wish, found: Check | None) -> Script:
        scripts = [probe.script() for probe in probes_of(wish)]
        if parts := listed(wish.params.get("baseline")):
            scripts.append(base.taking(parts, wish.facts))
        if not scripts:
            return Script(text=":\n")
        return bundle(scripts, limit_s=duration_s(wish.params.get("probe_timeout", "2m")))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        probes, parts = list(probes_of(wish)), wish.params.get("baseline") or []
        answers = unbundle(done, len(probes) + bool(parts))
        if not done.exit.ok or len(answers) < len(probes) + bool(parts):
            why = failure(done) if not done.exit.ok else "the host's answers cannot be told apart"
            return Verdict(ok=False, changed=False, problem=f"{len(answers)} of {len(probes)} probes were made: {why}")
        verdicts = [probe.read(answer) for probe, answer in zip(probes, answers, strict=False)]
        problems = [verdict.problem for verdict in verdicts if not verdict.ok]
        values: dict[str, Any] = {
            "probes": [
                {
                    "kind": probe.name, "title": probe.title, "ok": verdict.ok, "problem": verdict.problem,
                    "values": _short(verdict.values),
                }
                for probe, verdict in zip(probes, verdicts, strict=True)
            ],
            "count": len(probes),
        }  # fmt: skip
        now, lost = _baseline(wish, probes, verdicts, answers[-1] if parts else None)
        told = base.compared(wish.params, now) if not lost else []
        allowed = (*wish.params.get("allow", ("changed-packages", "new-packages")), base.AS_ALLOWED)
        problems += [*lost, *(text for what, text in told if what not in allowed)]
        values |= {"failed": problems, "baseline": now, "differences": [text for _, text in told]}
        tried = len(probes) + bool(parts)
        summary = "" if problems else _told(tried, told, wish)
        return Verdict(ok=not problems, changed=False, problem=_all(problems), values=values, summary=summary)

    def together(self, wish: Wish, seen: Sequence[Mapping[str, Any]]) -> Verdict | None:
        problems, values, told = [], [], []
        for number, probe in enumerate(probes_of(wish)):
            times = [each["probes"][number]["values"] for each in seen if len(each.get("probes", ())) > number]
            verdict = kind_of(probe.name).together(probe.wish, times)
            if verdict is not None:
                problems += [verdict.problem] if not verdict.ok else []
                values.append({"title": probe.title, "kind": probe.name, **verdict.values})
                told.append(f"{probe.title or probe.name} {verdict.summary}")
        if not values:
            return None
        return Verdict(
            ok=not problems, changed=False, problem=_all(problems), values={"watched": values}, summary="; ".join(told)
        )

    def preview(self, wish: Wish) -> Sequence[str]:
        lines = [line for probe in probes_of(wish) for line in probe.preview()]
        if parts := listed(wish.params.get("baseline")):
            lines.append(f"{'compare' if 'against' in wish.params else 'take down'} {', '.join(parts)}")
        return lines


def _baseline(
    wish: Wish, probes: Sequence[Probing], verdicts: Sequence[Verdict], answer: Completed | None
) -> tuple[dict[str, Any], list[str]]:
    """How the host is now, and why that could not be said."""
    now: dict[str, Any] = {}
    lost = []
    if answer is not None:
        now = base.taken(wish.params["baseline"], Answers(answer.stdout))
        if not answer.exit.ok or answer.stdout_bytes > len(answer.stdout):
            lost.append(f"baseline: {failure(answer) if not answer.exit.ok else 'there is more than can be kept'}")
    if rows := wish.params.get("rows"):
        now["rows"] = {
            name: verdict.values.get("value")
            for name, verdict in zip(rows, verdicts[len(probes) - len(rows) :], strict=True)
            if verdict.ok
        }
    return now, lost


def _all(problems: Sequence[str]) -> str:
    return f"{len(problems)} failed: {'; '.join(problems)}" if problems else ""


def _short(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without the rest of long texts: those of a single probe are not what a step is registered for."""
    return {key: cut(value, 4096) if isinstance(value, str) else value for key, value in values.items()}


def _told(tried: int, told: Sequence[tuple[str, str]], wish: Wish) -> str:
    if "against" in wish.params:
        return f"{tried} probes, {len(told)} differences that are allowed"
    return f"{tried} probe{'' if tried == 1 else 's'}, all good"
