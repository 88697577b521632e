"""How busy a host is: load, memory, swap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import Probe
from runner.steps.parts.texts import script
from runner.units import Amount, amount, text_of_size

_AVERAGES = {1: "load1", 5: "load5", 15: "load15"}


class Load(Probe):
    name: ClassVar[str] = "load"
    family: ClassVar[str] = "system"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "How busy the host is",
        "Load for each processor, memory that programs can still have, and swap that is used. All that is asked for is "
        "looked at; expected and found are both named. A container with a limit of processors (cgroups) counts as "
        "having so many, where the load is its own (lxcfs); where the kernel tells it the load of the whole machine, "
        "that is related to the machine's processors, and both are said. Values: `load1`, `load5`, `load15`, `cpus`, "
        "`cpu_limit` (null: none), `per_cpu`, `memory_bytes`, `available_bytes`, `available_percent`, `swap_bytes`, "
        "`swap_used_bytes`, `swap_used_percent`.",
        {
            "per_cpu": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "The highest load for each processor.",
            },
            "minutes": {"enum": [1, 5, 15], "default": 5, "description": "Over how many minutes the load counts."},
            "available": part.size("The least memory that a program must still be able to get.", share=True),
            "swap_used": part.size("The most swap that may be used.", share=True),
        },
        examples=[{"per_cpu": 1.5, "available": "10%", "swap_used": "50%"}],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        return Script(text=script(("load",)))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        params, said = wish.params, Answers(done.stdout)
        if not done.exit.ok or said.number("MemTotal") is None:
            why = failure(done) if not done.exit.ok else "/proc gave no figures that can be read"
            return Verdict(ok=False, changed=False, problem=why)
        minutes = params.get("minutes", 5)
        values = _figures(said, _AVERAGES[minutes])
        wrong = []
        if "per_cpu" in params and values["per_cpu"] > params["per_cpu"]:
            wrong.append(
                f"load: expected at most {params['per_cpu']:g} for each of {_processors(said)} "
                f"over {minutes} min, found {values['per_cpu']:g}"
            )
        if "available" in params:
            wanted = amount(params["available"])
            if _of(wanted, values["memory_bytes"]) > values["available_bytes"]:
                there = text_of_size(values["available_bytes"])
                wrong.append(
                    f"memory: expected at least {wanted} available, found {there} ({values['available_percent']:.1f} %)"
                )
        if "swap_used" in params and values["swap_bytes"]:
            wanted = amount(params["swap_used"])
            if _of(wanted, values["swap_bytes"]) < values["swap_used_bytes"]:
                used = text_of_size(values["swap_used_bytes"])
                wrong.append(
                    f"swap: expected at most {wanted} used, found {used} ({values['swap_used_percent']:.1f} %)"
                )
        each = f"each of {_processors(said)}" if values["cpu_limit"] else "each processor"
        summary = f"load {values['per_cpu']:g} for {each}, {values['available_percent']:.0f} % memory available"
        return Verdict(ok=not wrong, changed=False, problem="; ".join(wrong), values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        words = {
            "per_cpu": "load at most {} for each processor",
            "available": "memory at least {}",
            "swap_used": "swap at most {}",
        }
        asked = [text.format(wish.params[key]) for key, text in words.items() if key in wish.params]
        return [f"/proc/loadavg, /proc/meminfo: {', '.join(asked) or 'look only'}"]


def _of(wanted: Amount, whole: int) -> float:
    return whole * wanted.percent / 100 if wanted.percent is not None else float(wanted.bytes or 0)


def _cpus(said: Answers) -> tuple[int, float | None, float]:
    """Processors that there are, how many this host may use of them, and by how many the load is divided."""
    cpus = max(1, said.number("cpus") or 1)
    limit = said.decimal("cpu_limit") or None
    if limit is None or limit >= cpus:
        return cpus, None, cpus
    return cpus, limit, limit if said.text("own_load") == "yes" else cpus


def _processors(said: Answers) -> str:
    cpus, limit, divided = _cpus(said)
    if limit is None:
        return f"{cpus} processors"
    if divided == limit:
        return f"{limit:g} processors (the limit of this container, of {cpus})"
    return f"the machine's {cpus} processors (the load is its; this container may use {limit:g} of them)"


def _figures(said: Answers, average: str) -> dict[str, Any]:
    def size(key: str) -> int:
        return (said.number(key) or 0) * 1024

    memory, swap = size("MemTotal"), size("SwapTotal")
    available = size("MemAvailable") if said.number("MemAvailable") is not None else (
        size("MemFree") + size("Buffers") + size("Cached")
    )  # fmt: skip
    used = swap - size("SwapFree")
    cpus, limit, divided = _cpus(said)
    loads = {name: said.decimal(name) or 0.0 for name in _AVERAGES.values()}
    return {
        **loads,
        "cpus": cpus,
        "cpu_limit": limit,
        "per_cpu": round(loads[average] / divided, 2),
        "memory_bytes": memory,
        "available_bytes": available,
        "available_percent": round(100 * available / memory, 2) if memory else 0.0,
        "swap_bytes": swap,
        "swap_used_bytes": used,
        "swap_used_percent": round(100 * used / swap, 2) if swap else 0.0,
    }
