"""What rawat is killed in: a first sitting, a second one, a rollback, steps that run once, in the end, or by sudo."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bed.packages import ensure
from tests.bed.process import alive, until
from tests.bed.sshd import LoopbackSshd, account
from tests.crash.points import ARRIVES_S, Fault
from tests.crash.world import SOON, World

HEAD = "rawat: 1\nname: t\nkind: other\nhosts: all\nvars: {folder: {required: true}}\n"


def counts(name: str, *, then: str = "", file: str = "", more: str = "") -> str:
    """A step that counts itself, and then does something else."""
    script = f"printf x >>{{{{ folder }}}}/{file or name}; {then or f'echo {name}'}"
    return f'    - {{id: {name}, script: "{script}", {SOON}{more}}}\n'


def implement(*steps: str) -> str:
    return HEAD + "phases:\n  implement:\n" + "".join(steps)


def finishing(*steps: str) -> str:
    return "finally:\n" + "".join(step.replace("    - ", "  - ", 1) for step in steps)


def waits(name: str, on_failure: str) -> str:
    """A step that fails until there is a file `go`."""
    script = f"test -e {{{{ folder }}}}/go && printf x >>{{{{ folder }}}}/{name}"
    return f"    - {{id: {name}, script: '{script}', on_failure: {on_failure}, {SOON}}}\n"


def undone(name: str, *, then: str = "true") -> str:
    """What takes back a step, as one of its keys."""
    back = counts(f"back-{name}", then=then).strip().removeprefix("- ")
    return f", undo: [{back}]"


def undone_late(name: str) -> str:
    """The same, which fails until there is a file `go`."""
    return f", undo: [{waits(f'back-{name}', 'stop').strip().removeprefix('- ')}]"


def plain(then: str = "", *, last: str = "echo {{ r_one.stdout }}") -> str:
    three = (counts(step, then=then, more=f", register: r_{step}") for step in ("one", "two", "three"))
    return implement(*three) + f"  test:\n    - {{id: all, script: '{last}', idempotent: true, {SOON}}}\n"


# who is killed by a step, while it runs: the sitting before the one that is struck
KILL = "test -e {{ folder }}/go || kill -KILL $(cat {{ folder }}/pid); echo on"
RESUMED = implement(
    counts("one", more=", register: r_one"),
    waits("two", "continue"),
    counts("three", then=KILL),
    counts("four", then="echo {{ r_one.stdout }}"),
) + finishing(counts("last", then="true"))
FAILS = waits("three", "rollback")
ROLLED = implement(counts("one", more=undone("one")), counts("two", more=undone("two")), FAILS) + finishing(
    counts("last", then="true")
)
NOT_BACK = implement(counts("one", more=undone("one")), counts("two", more=undone_late("two")), FAILS) + finishing(
    counts("last", then="true")
)
BROKEN_OFF = implement(counts("one", more=undone("one")), counts("two", more=undone("two", then=KILL)), FAILS)


def once(slow: str, then: str) -> str:
    return implement(
        counts("slow", file="{{ host.name }}.slow", then=f"test {{{{ host.name }}}} = b || {slow}"),
        counts("one", then=then, more=", once: true, register: r_one"),
        counts("items", file="items-{{ item }}", more=", once: true, with: [a, b]"),
        counts("own", file="{{ host.name }}.own", then="echo {{ r_one.stdout }}"),
    ) + finishing(counts("last", file="{{ host.name }}.last", then="true"))


ONCE = once("true", "echo on")
# b comes to it before a, and in the next sitting a before b
ONCE_RESUMED = once("test -e {{ folder }}/go || sleep 0.2", f"test -e {{{{ folder }}}}/go || sleep 0.6; {KILL}")


@dataclass(frozen=True)
class Scene:
    """
    `first` is whether a sitting was killed by one of its own steps before the one that is struck, a resume. `ends` is
    what the one that is struck ends with where it is not; `go` whether a file of that name is made between the two, or
    before the one that goes on: steps wait for it that fail at first.
    """

    name: str
    playbook: str
    steps: tuple[str, ...]
    again: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ("here",)
    first: bool = False
    ends: int = 0
    fault: Fault = "kill"
    become: bool = False
    sshd: LoopbackSshd | None = None

    def words(self, world: World) -> tuple[str, ...]:
        return ("resume",) if self.first else world.words

    def between(self, world: World) -> None:
        (world.folder / "go").touch()

    @contextmanager
    def ready(self, folder: Path) -> Iterator[Callable[[], World]]:
        """How to begin anew, as often as one likes."""
        with _elsewhere() if self.become else _here() as counting:
            become = f"become: {account()}\n" if counting else ""

            def made() -> World:
                return World(
                    folder, self.playbook + become, self.steps,
                    again=self.again, hosts=self.hosts, counts=counting, sshd=self.sshd,
                )  # fmt: skip

            yield self._kept(made(), folder) if self.first else made

    def _kept(self, world: World, folder: Path) -> Callable[[], World]:
        """The first sitting is run once; its files are put back each time."""
        ended = world.rawat(*world.words)
        assert ended.code == -9, (self.name, ended, world.said())
        locks = (world.folder / "spool").glob("lock.*")
        shells = [int(lock.read_text().split()[-1]) for lock in locks]
        until("nothing of it lives on the hosts", lambda: not any(map(alive, shells)))
        assert not world.begun(), self.name
        self.between(world)
        kept = folder.with_name(f"kept-{self.name}")
        shutil.copytree(folder, kept)

        def again() -> World:
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            return world

        return again


@contextmanager
def _here() -> Iterator[None]:
    yield None


@contextmanager
def _elsewhere() -> Iterator[Path]:
    """A folder for the account of the bed, since ours is closed to it."""
    ensure(("sudo",))
    who = pwd.getpwnam(account())
    with tempfile.TemporaryDirectory(dir=who.pw_dir) as name:
        os.chown(name, who.pw_uid, who.pw_gid)
        yield Path(name)


ONES, LASTS = ("one", "items-a", "items-b", "a.slow", "b.slow", "a.own", "b.own"), ("a.last", "b.last")
_SCENES = (
    Scene("run", plain(), ("one", "two", "three")),
    Scene("resume", RESUMED, ("one", "two", "three", "four"), ("last",), first=True),
    Scene("rollback", ROLLED, ("one", "two", "three"), ("last",), ends=1),
    Scene("undo-fails", NOT_BACK, ("one", "two", "three"), ("last",), ends=1),
    Scene("rollback-resumed", BROKEN_OFF, ("one", "two", "three"), first=True),
    Scene("once", ONCE, ONES, LASTS, ("a", "b")),
    Scene("once-resumed", ONCE_RESUMED, ONES, LASTS, ("a", "b"), first=True),
    Scene("become", plain(), ("one", "two", "three"), become=True),
    Scene("power", plain(f"sleep {2 * ARRIVES_S}", last="true"), ("one", "two", "three"), fault="power"),
)
SCENES = {scene.name: scene for scene in _SCENES}
