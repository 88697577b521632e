"""The first answer of a host: its facts, and whether its spool may be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.errors import ProtocolError, TransportError
from runner.frozen import frozen
from runner.model import Facts
from runner.transport.refusals import NoSpool

_PACKAGE_MANAGERS = ("apt-get", "dnf", "yum", "zypper", "apk", "pacman")
_STICKY_WRITABLE = "tT"


@frozen
class Hello:
    """`facts` as told, the `gid`, why there is no spool (`tried`), and `path`: the lines of `ls -ldn` down to it."""

    facts: Facts
    gid: int
    tried: str
    path: tuple[str, ...]

    @property
    def boot(self) -> float:
        """Unix time at which the host's uptime was zero, by its own clock now."""
        return self.facts.clock - self.facts.uptime_s


def parse(data: bytes) -> Hello:
    """`data` is the content of the hello: `key=value` lines, then the listing. Raises ProtocolError."""
    values: dict[str, str] = {}
    listing: list[str] = []
    for line in data.decode("utf-8", "replace").splitlines():
        key, equals, value = line.partition("=")
        if equals and not listing and " " not in key:
            values[key] = value
        elif line:
            listing.append(line)
    try:
        facts = _facts(values)
        gid = int(values["gid"])
    except (KeyError, ValueError) as error:
        raise ProtocolError(f"the host's first answer cannot be read: {error}") from error
    return Hello(facts=facts, gid=gid, tried=values.get("tried", "").strip(), path=tuple(listing))


def _facts(values: Mapping[str, str]) -> Facts:
    tools = tuple(values.get("tools", "").split())
    release = {key[3:]: value.strip("\"'") for key, value in values.items() if key.startswith("os.")}
    return Facts(
        hostname=values.get("hostname", ""),
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        os_like=tuple(release.get("ID_LIKE", "").split()),
        kernel=values.get("kernel", ""),
        architecture=values.get("architecture", ""),
        machine_id=values.get("machine_id", ""),
        boot_id=values.get("boot_id", ""),
        uptime_s=float(values["uptime"]),
        clock=_clock(values.get("clock", "")),
        cpus=_cpus(values.get("cpus", "")),
        memory_bytes=_memory(values.get("memory", "")),
        init=values.get("init", ""),
        package_manager=next((name for name in _PACKAGE_MANAGERS if name in tools), ""),
        user=values.get("user", ""),
        uid=int(values["uid"]),
        home=values.get("home", ""),
        spool=values.get("spool", ""),
        shell=values.get("shell", ""),
        tools=tools,
    )


def _clock(text: str) -> float:
    """`date +%s.%N`; a date that knows no %N leaves something else behind the point."""
    whole, _, fraction = text.partition(".")
    return float(f"{int(whole)}.{fraction if fraction.isdigit() else 0}")


def _cpus(text: str) -> int:
    """How many are in a list such as 0-3,8."""
    count = 0
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count


def _memory(text: str) -> int:
    """Bytes out of `MemTotal:  24688400 kB`."""
    words = text.split()
    return int(words[1]) * 1024 if len(words) > 1 and words[1].isdigit() else 0


def check_spool(hello: Hello, host: str) -> None:
    """
    Refuse a spool that others could replace or read. Raises TransportError before anything is started.

    Every folder on the way must belong to root or to the user, and be writable for others only where the sticky
    bit keeps them from renaming; the two last ones are the spool and the run's folder: ours, 0700 and no links.
    """
    if not hello.facts.spool:
        raise NoSpool(hello.facts.user, tried=hello.tried, host=host)
    problem = _problem(hello)
    if problem:
        raise TransportError(f"{host}: the spool {hello.facts.spool} is not safe: {problem}", host=host)


def _problem(hello: Hello) -> str:
    depth = hello.facts.spool.rstrip("/").count("/") + 2
    rows = [line.split(None, 8) for line in hello.path]
    if len(rows) != depth or any(len(row) < 9 for row in rows):
        return "its path cannot be listed"
    for row in rows[:-2]:
        problem = _parent(row, hello)
        if problem:
            return problem
    for row in rows[-2:]:
        mode, owner, path = row[0], row[2], row[8]
        if not mode.startswith("d"):
            return f"{path} is a link or no folder"
        if owner != str(hello.facts.uid):
            return f"{path} belongs to user id {owner}, not to {hello.facts.user}"
        if mode[4:10] != "------":
            return f"{path} is open to others ({mode[:10]}); chmod 700 it"
    return ""


def _parent(row: Sequence[str], hello: Hello) -> str:
    mode, owner, group, path = row[0], row[2], row[3], row[8]
    if owner not in ("0", str(hello.facts.uid)):
        return f"{path} belongs to user id {owner}"
    if mode.startswith("l"):
        return ""
    if mode[8] == "w" and mode[9] not in _STICKY_WRITABLE:
        return f"{path} may be written by everybody ({mode[:10]})"
    if mode[5] == "w" and group not in ("0", str(hello.gid)) and mode[9] not in _STICKY_WRITABLE:
        return f"{path} may be written by group id {group} ({mode[:10]})"
    return ""
