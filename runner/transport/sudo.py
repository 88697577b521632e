"""Working as another user: sudo without a password where it lets us, else with one on stdin."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from runner.errors import BecomeRefused, LinkLost
from runner.redact import Secret
from runner.seams import Passwords
from runner.transport.channel import Channel
from runner.transport.refusals import NoSupervisor
from runner.transport.supervisor import Supervisor

PASSWORD_S = 30.0
PRELUDE = b"unset LC_ALL\n"
"""sudo itself speaks C, so that its words can be known again; what it starts shall not."""

_NEEDS_PASSWORD = (
    "sudo asks for a password and none was given; --ask-sudo asks you for it, RAWAT_SUDO_PASSWORD holds it"
)
_WRONG = "the password was not accepted; sudo wants that of the user who logs in"
_NOT_ALLOWED = "the sudoers rules do not allow it; a rule must let this user run sh as that one"
_NOT_THERE = "sudo is not installed; install it, or log in as that user"
_EXPIRED = (
    ("password is expired", "the account or its password has expired; set another one on the host"),
    ("account validation failure", "the account has expired, or is locked"),
)
"""sudo says these first, and then asks for a password all the same."""
_REASONS = (
    *_EXPIRED,
    ("password is required", _NEEDS_PASSWORD),
    ("interactive authentication is required", _NEEDS_PASSWORD),
    ("not in the sudoers", "this user is not in the sudoers file; add a rule for it, or log in as another"),
    ("may not run sudo", "this user may not run sudo; add a rule for it, or log in as another"),
    ("not allowed to execute", _NOT_ALLOWED),
    ("not allowed to run sudo", _NOT_ALLOWED),
    ("must have a tty", "the sudoers file says requiretty, and rawat has no terminal there; except this user from it"),
    ("terminal is required", _NEEDS_PASSWORD),
    ("expired", _EXPIRED[0][1]),
    ("unknown user", "there is no such user"),
    ("unknown uid", "there is no such user"),
    ("incorrect password attempt", _WRONG),
    ("sudo: not found", _NOT_THERE),
    ("command not found", _NOT_THERE),
    ("No such file", _NOT_THERE),
)


class Started(Protocol):
    def __call__(self, channel: Channel, prelude: bytes = b"") -> Supervisor: ...


def become(
    user: str, *, host: str, pipe: Callable[[Sequence[str]], Channel], supervisor: Started, passwords: Passwords
) -> Supervisor:
    """
    A supervisor that runs as `user`. `pipe` starts plain words on the host. Raises BecomeRefused.

    First without a password: that costs nothing where it works. A cached ticket is not relied on.
    """
    channel = pipe(("env", "LC_ALL=C", "sudo", "-n", "-H", "-u", user, "sh"))
    try:
        return supervisor(channel, PRELUDE)
    except NoSupervisor as error:
        problem = reason(error.said)
    if problem != _NEEDS_PASSWORD:
        raise _refused(host, user, problem)
    password = passwords.sudo(host, user)
    if password is None:
        raise _refused(host, user, problem)
    channel = pipe(("sh",))
    try:
        _log_in(channel, user, host, password)
    except BaseException:
        channel.close()
        raise
    return supervisor(channel, PRELUDE)


def reason(said: str) -> str:
    """What sudo's words mean, for a person; its last line where they are not known."""
    for words, meaning in _REASONS:
        if words in said:
            return meaning
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "sudo ended without a word"


def _log_in(channel: Channel, user: str, host: str, password: Secret) -> None:
    """
    Answer sudo's own prompt, which is ours: drawn at random, so that no lecture or banner looks like it.

    The prompt a second time means that the password was wrong; sudo's own words may be translated or insults.
    Our mark, printed by what sudo started, is the success. Nothing else is sent before one of the two was seen, or
    sudo would take it for a password.
    """
    prompt, mark = f"[{os.urandom(12).hex()}]", os.urandom(12).hex()
    # the mark stands in two pieces there, since the line itself may be echoed or logged
    line = (
        f"exec env LC_ALL=C sudo -S -k -p '{prompt}' -H -u '{user}' "
        f"sh -c 'printf \"%s%s\\n\" {mark[:12]} {mark[12:]}; exec sh' 2>&1\n"
    )
    channel.send(line.encode())
    said = b""
    answered = False
    until = time.monotonic() + PASSWORD_S
    while mark.encode() not in said:
        try:
            chunk = channel.recv(max(0.01, until - time.monotonic()))
        except TimeoutError as error:
            raise _refused(host, user, "sudo did not answer in time") from error
        if not chunk:
            raise _refused(host, user, _after(said, prompt, answered))
        said = (said + chunk)[-65536:]
        if answered and b"password is expired" in said:  # it asks for a new one now, and would wait for it
            raise _refused(host, user, _after(said, prompt, answered))
        asked = said.count(prompt.encode())
        if asked and not answered:
            answered = True
            with suppress(LinkLost):
                channel.send(password.reveal().encode("utf-8", "surrogateescape") + b"\n")
        elif asked > 1:
            raise _refused(host, user, _WRONG)


def _after(said: bytes, prompt: str, answered: bool) -> str:
    text = said.decode("utf-8", "replace").replace(prompt, "\n")
    problem = reason(text)
    if answered and problem in (_NEEDS_PASSWORD, "sudo ended without a word"):
        return _WRONG
    return problem


def _refused(host: str, user: str, problem: str) -> BecomeRefused:
    return BecomeRefused(f"{host}: cannot become {user}: {problem}", host=host)
