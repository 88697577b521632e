"""A plan as text: hosts and batches, every step with the lines that matter, the checklist, what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runner.hygiene import one_line
from runner.redact import cut
from runner.report.words import amount, grouped_left_out

WIDTH = 100


def plan_text(plan: dict[str, Any], *, commands: bool = False, notes: Sequence[str] = (), width: int = WIDTH) -> str:
    """`plan` as runner.app.plan.describe gives it; without `commands` each step's line is cut at `width`."""
    return "\n".join(_lines(plan, notes, 0 if commands else width))


def _lines(plan: dict[str, Any], notes: Sequence[str], width: int) -> Iterator[str]:
    yield f'Plan {plan["digest"][:12]}  {plan["playbook"]}  "{one_line(plan["title"])}"'
    names = [host["name"] for host in plan["hosts"]]
    shown = " ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    sizes = [len(batch) for batch in plan["batches"]]
    batches = "in one batch" if len(sizes) == 1 else f"in {len(sizes)} batches: {', then '.join(map(str, sizes[:8]))}"
    limit = plan["stop_when_failed"]
    stop = f"at least {limit} of the hosts" if str(limit).endswith("%") else f"at least {amount(int(limit), 'host')}"
    yield f"  {amount(len(names), 'host')}  {shown}"
    yield f"  {batches}, {plan['parallel']} at once     stop when {stop} failed"
    for group, most in plan["limits"].items():
        yield f"  never more than {amount(most, 'host')} of {one_line(group)} at a time"
    yield ""
    for step in plan["steps"]:
        yield from _step(step, width)
    for item in plan["checklist"]:
        how = "by hand" if item["by_hand"] else f"proven by {', '.join(item['proof'])}"
        need = "" if item["required"] else ", not required"
        yield f'  checklist   {item["id"]}  "{one_line(item["text"])}" ({how}{need})'
    yield f"  approvals   {plan['approvals']}"
    for why, left in grouped_left_out(plan["left_out"]).items():
        more = f" and {len(left) - 12} more" if len(left) > 12 else ""
        yield f"  left out    {', '.join(left[:12])}{more}: {one_line(why)}"
    for name in plan["unknown"]:
        yield f"  unknown yet {{{name['name']}}} ({name['from']})"
    for note in notes:
        yield f"  note        {one_line(note)}"
    yield f"  next        {plan['next']}"


def _step(step: dict[str, Any], width: int) -> Iterator[str]:
    """With a `width` of 0 every line that would be sent stands there whole."""
    marks = [f"in a rollback only: undoes {step['undoes']}"] if step.get("undoes") else []
    marks += [word for word in ("once", "local") if step.get(word)]
    if step.get("become"):
        marks.append(f"as {step['become']}")
    if step.get("when"):
        never = step.get("skipped_on") and not step["commands"]
        marks.append(f"skipped as things stand: when {step['when']}" if never else f"when {step['when']}")
    if step.get("requires"):
        marks.append(f"locked until {', '.join(step['requires'])} is proven")
    marks += step.get("gates", ())
    if step.get("proves"):
        marks.append(f"proves {', '.join(step['proves'])}")
    if step.get("live"):
        marks.append(step["live"])
    lines = [line for variant in step["commands"] for line in variant["lines"]]
    first = one_line(lines[0]) if lines else one_line(step["title"])
    head = f"  {step['phase']:<11} {step['id']:<14} {step['kind']:<13} "
    yield head + (cut(first, max(20, width - len(head))) if width else first)
    if marks:
        yield " " * 15 + f"[{one_line('; '.join(marks))}]"
    if not width:
        for variant in step["commands"]:
            if len(step["commands"]) > 1:
                yield f"{'':15}on {', '.join(variant['hosts'])}:"
            for line in variant["lines"] if len(step["commands"]) > 1 else variant["lines"][1:]:
                yield from (f"{'':15}{one_line(part)}" for part in line.splitlines())
