"""The few words of a record that are the same in every run: phases, causes, outcomes, states of a checklist item."""

from __future__ import annotations

from runner.report.language import Language, mark

PHASE_WORDS = {
    "identify": mark("Identify"),
    "analyse": mark("Analyse"),
    "plan": mark("Plan"),
    "implement": mark("Implement"),
    "test": mark("Test"),
    "document": mark("Document"),
    "monitor": mark("Monitor"),
    "finally": mark("Tidy up"),
    "undo": mark("Undo"),
}
CAUSE_WORDS = {
    "connect": mark("Connecting"),
    "work": mark("Work"),
    "retry": mark("Waiting to try again"),
    "watch": mark("Watching whether it stays well"),
    "lock": mark("Waiting for another run on the host"),
    "package-lock": mark("Waiting for the package manager"),
    "once": mark("Waiting for a step on another host"),
    "person": mark("Waiting for a person"),
    "reboot": mark("Reboot"),
    "link": mark("Connection lost"),
    "throttled": mark("Waiting for its batch"),
    "overhead": mark("The tool's own time"),
}
OUTCOME_WORDS = {
    "ok": mark("succeeded"),
    "failed": mark("failed"),
    "skipped": mark("skipped"),
    "unreachable": mark("not reached"),
    "unknown": mark("in doubt"),
    "in doubt": mark("in doubt"),
    "cancelled": mark("stopped"),
    "refused": mark("refused"),
    "unfinished": mark("not finished"),
    "": mark("not finished"),
}
STATE_WORDS = {
    "pass": mark("done"),
    "fail": mark("failed"),
    "open": mark("open"),
    "waived": mark("waived"),
    "na": mark("does not apply"),
    "not used": mark("not used"),
}
KIND_WORDS = {
    "backup": mark("Backup"),
    "patching": mark("Patching"),
    "database-optimization": mark("Database optimization"),
    "verification": mark("Verification"),
    "incident": mark("Incident"),
    "migration": mark("Migration"),
    "other": mark("Other maintenance"),
}
MARKS = {"pass": "✓", "waived": "✓", "na": "–", "open": "○", "fail": "✗", "not used": "–"}


class Words:
    """The language's word for a name of the record; a name that nobody knows stays as it is."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def phase(self, name: str) -> str:
        return self._known(PHASE_WORDS, name)

    def cause(self, name: str) -> str:
        return self._known(CAUSE_WORDS, name)

    def outcome(self, name: str) -> str:
        return self._known(OUTCOME_WORDS, name)

    def state(self, name: str) -> str:
        return self._known(STATE_WORDS, name)

    def kind(self, name: str) -> str:
        return self._known(KIND_WORDS, name)

    def _known(self, table: dict[str, str], name: str) -> str:
        return self._language.text(table[name]) if name in table else name
