"""A reboot that is really one: a new boot id, and then the services that must be up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, cannot_tell
from runner.steps.parts.texts import script


class Reboot(HostKind):
    name: ClassVar[str] = "reboot"
    family: ClassVar[str] = "system"
    unsettles: ClassVar[bool] = True
    reboots: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Reboot the host, and wait until it is back",
        "Done when the host answers with a new boot id and the services named are up; that port 22 answers proves "
        "nothing. The step's `timeout` bounds all of it. Values: `boot_id`, `boot_id_before`, `why`.",
        {
            "only_if_needed": {
                "type": "boolean",
                "description": "Only where the host asks for it (reboot-required, needs-restarting); one that "
                "cannot tell fails, and is not booted. Default: false.",
            },
            "services": {
                "type": "array",
                "items": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9@:._\\\\-]*$"},
                "description": "Services that must be up again before the step has ended; a job (`Type=oneshot`) must "
                "have run well.",
            },
        },
        examples=[{"only_if_needed": True, "services": ["postgresql"]}],
    )

    def look(self, wish: Wish) -> Script | None:
        if not _params(wish).get("only_if_needed"):
            return None
        return Script(text=script(("newest_kernel", "reboot_reason", "reboot_needed")))

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        said = Answers(found.stdout)
        needed = {"yes": True, "no": False}.get(said.text("needed"))
        why = said.text("why").strip()
        words = {True: why or "the host asks for it", False: "no reboot is needed"}
        doubt = f"nobody can say whether a reboot is needed ({why})"
        return Check(needed=needed, why=doubt if needed is None else words[needed], values={"why": why})

    def act(self, wish: Wish, found: Check | None) -> Script:
        if found is not None and found.needed is None:  # a host that was to be booted only if it asks for that
            return Script(text=script(("refused",), {"why": f"not booted: {found.why}"}))
        return Script(text=script(("reboot",)))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        if not done.exit.ok:
            return Verdict(ok=False, changed=False, problem=failure(done))
        values = {
            "boot_id_before": Answers(done.stdout).text("boot_id"),
            "why": found.values.get("why", "") if found else "",
        }
        return Verdict(ok=True, changed=True, values=values)

    def ready(self, wish: Wish) -> Script | None:
        services = _params(wish).get("services") or ()
        if not services:
            return None
        return Script(text=script(("reboot_ready",), {"services": " ".join(services)}))

    def preview(self, wish: Wish) -> Sequence[str]:
        params = _params(wish)
        condition = " if the host asks for it" if params.get("only_if_needed") else ""
        services = ", ".join(params.get("services") or ())
        return [f"reboot{condition}, wait for a new boot id" + (f" and for {services}" if services else "")]


def _params(wish: Wish) -> Mapping[str, Any]:
    return wish.params or {}
