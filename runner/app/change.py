"""What kind of change a run is, and what that asks of it: a standard one, a normal one, an emergency."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.app.request import Reason
from runner.engine.bus import moment
from runner.errors import GateClosed, InvalidInput
from runner.events import Deviated
from runner.settings import Settings

KINDS = ("standard", "normal", "emergency")


def check_change(settings: Settings, playbook: str, reason: Reason, now: datetime) -> list[Deviated]:
    """
    What departs from the ordinary way. Raises InvalidInput for a change that is described badly, and GateClosed
    where the policy does not let it be one of its kind, or outside its window.
    """
    if settings.ticket_required and not reason.ticket:
        raise GateClosed("the policy asks for a ticket", hint="give it with --ticket")
    departures = []
    if reason.change == "standard" and playbook not in settings.policy.standard:
        raise GateClosed(
            f"the policy does not list '{playbook}' as a standard change",
            hint="policy.standard lists those that were approved once and for all",
        )
    if reason.change == "emergency":
        if not reason.reason:
            raise InvalidInput("an emergency needs a --reason; it goes into the record")
        departures.append(Deviated(what="emergency change", detail="to be reviewed after it", reason=reason.reason))
    if reason.window:
        begin, end = window_of(reason.window)
        if not begin <= now < end:
            words = f"it is {moment(now)}, outside the window {reason.window}"
            if reason.change != "emergency":
                raise GateClosed(words, hint="wait for it, or say --type emergency with --reason")
            departures.append(Deviated(what="outside the window", detail=words, reason=reason.reason))
    return departures


def policy_of(settings: Settings, reason: Reason, now: datetime) -> Mapping[str, Any]:
    """The policy as it holds for this run, for its record."""
    emergency = reason.change == "emergency"
    review = settings.policy.review or emergency
    due = now + timedelta(seconds=settings.policy.emergency_review_s)
    return {
        "signature": settings.policy.signature,
        "approvals": settings.policy.approvals if reason.change == "normal" else 0,
        "approvers": list(settings.policy.approvers),
        "review": review,
        "self_review": settings.policy.self_review,
        "review_due": moment(due) if emergency else "",
    }


def window_of(text: str) -> tuple[datetime, datetime]:
    """Two moments with a / between them; without a zone they are UTC. Raises InvalidInput."""
    begin, _, end = text.partition("/")
    try:
        first, last = (_utc(datetime.fromisoformat(part)) for part in (begin, end))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"'{text}' is no window", hint="as in 2026-11-24T22:00+07:00/2026-11-25T02:00+07:00"
        ) from error
    if first >= last:
        raise InvalidInput(f"the window {text} ends before it begins")
    return first, last


def _utc(when: datetime) -> datetime:
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
