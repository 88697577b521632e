"""What must be reached, and the table that says whether it was."""

from __future__ import annotations

from dataclasses import dataclass

WALL_OF_FABRIC = {1: 0.6, 10: 0.75, 50: 0.8}
CPU_OF_FABRIC = {50: 0.45}
TIMES_ANSIBLE = {50: 25.0}
MS_A_STEP = 6.0
OUTPUT_OF_SSH = 1.3
OUTPUT_PEAK_MB = 80.0
TRIPS_TO_FIRST_STEP = 9.0
TRIPS_A_STEP = 1.0
NOISE_OF_TRIPS = 0.15
"""A trip is measured as time over the delay; work in between shows as a part of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value against its bar: at most that, or at least where `at_least`; no bar is for information."""

    name: str
    value: float
    unit: str = ""
    bar: float | None = None
    at_least: bool = False
    detail: str = ""

    @property
    def reached(self) -> bool:
        if self.bar is None:
            return True
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def table(figures: list[Figure]) -> str:
    rows = [("figure", "found", "bar", "", "from")]
    for figure in figures:
        unit = f" {figure.unit}" if figure.unit else ""
        bar = "" if figure.bar is None else f"{'>=' if figure.at_least else '<='} {figure.bar:g}{unit}"
        verdict = "" if figure.bar is None else ("reached" if figure.reached else "NOT REACHED")
        rows.append((figure.name, f"{figure.value:.2f}{unit}", bar, verdict, figure.detail))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    )
