"""What is measured: each function gives its figures."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tests.bed.proxy import Proxy
from tests.bench import figures as bars
from tests.bench import peers
from tests.bench.figures import Figure
from tests.bench.ground import RAWAT, Counters, Ground
from tests.bench.measure import Command, Cost, compare

STEPS = 10
MANY_STEPS = 200
OUTPUT_BYTES = 100_000_000
RTT_MS = 100.0
Peer = Callable[..., Command]


def rawat(
    where: Ground, name: str, counters: Counters, *, hosts: int, steps: int, proxy: Proxy | None = None
) -> Command:
    return Command(
        argv=[str(RAWAT), "run", "p.yml"],
        folder=where.project(name, hosts=hosts, steps=[counters.line] * steps, proxy=proxy),
        check=lambda: counters.check("rawat", hosts=hosts, steps=steps),
    )


def groups(where: Ground, hosts: int, *, repeat: int, without: Collection[str]) -> list[Figure]:
    """H hosts with ten trivial steps each, from the start of the interpreter to its end."""
    counters = where.counters(f"group-{hosts}")
    quick = {
        "rawat": rawat(where, f"group-{hosts}", counters, hosts=hosts, steps=STEPS),
        "fabric": peers.fabric(where, counters, hosts=hosts, steps=STEPS),
    }
    slow: dict[str, Peer] = {"pyinfra": peers.pyinfra, "ansible": peers.ansible, "ansible raw": peers.ansible_raw}
    costs = compare(quick, repeat=repeat)
    for name, peer in slow.items():
        if name.split()[0] not in without:
            command = peer(where, counters, hosts=hosts, steps=STEPS)
            costs |= compare({name: command}, repeat=1 if hosts > 1 else min(repeat, 3))
    ours = costs.pop("rawat")
    found = [
        Figure(name=f"H={hosts}: rawat", value=ours.wall_s, unit="s", detail=_detail(ours)),
    ]
    for name, cost in costs.items():
        ratio = ours.wall_s / cost.wall_s
        bar = bars.WALL_OF_FABRIC.get(hosts) if name == "fabric" else None
        found.append(Figure(name=f"H={hosts}: wall, of {name}", value=ratio, unit="x", bar=bar, detail=_detail(cost)))
        if name == "fabric":
            cpu, bar = ours.cpu_s / cost.cpu_s, bars.CPU_OF_FABRIC.get(hosts)
            found.append(Figure(name=f"H={hosts}: client CPU, of {name}", value=cpu, unit="x", bar=bar))
        if name == "ansible":
            bar = bars.TIMES_ANSIBLE.get(hosts)
            title = f"H={hosts}: faster than {name}"
            found.append(Figure(name=title, value=1 / ratio, unit="x", bar=bar, at_least=True))
    return found


def many_steps(where: Ground, *, repeat: int) -> list[Figure]:
    """The slope from 10 to 200 steps on one host: what a step costs when everything is up; and without durability."""
    counters = where.counters("many")
    commands = {
        ("rawat", steps): rawat(where, f"many-{steps}", counters, hosts=1, steps=steps) for steps in (STEPS, MANY_STEPS)
    } | {("bare", steps): peers.bare_shell(where, counters, steps=steps) for steps in (STEPS, MANY_STEPS)}
    costs = compare({f"{tool} {steps}": command for (tool, steps), command in commands.items()}, repeat=repeat)

    def slope(tool: str, of: Callable[[Cost], float]) -> float:
        return 1000 * (of(costs[f"{tool} {MANY_STEPS}"]) - of(costs[f"{tool} {STEPS}"])) / (MANY_STEPS - STEPS)

    ours, bare = slope("rawat", lambda cost: cost.wall_s), slope("bare", lambda cost: cost.wall_s)
    cpu = slope("rawat", lambda cost: cost.cpu_s)
    return [
        Figure(name="a step on one host", value=ours, unit="ms", bar=bars.MS_A_STEP, detail=f"client CPU {cpu:.2f} ms"),
        Figure(name="a line in a bare shell", value=bare, unit="ms"),
        Figure(name="durability and record, a step", value=ours - bare, unit="ms"),
    ]


def much_output(where: Ground, *, repeat: int) -> list[Figure]:
    """One step that prints 100 MB, against `ssh` into a file."""
    line = f"yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c {OUTPUT_BYTES}"
    folder = where.project("output", hosts=1, steps=[line])
    commands = {
        "rawat": Command(argv=[str(RAWAT), "run", "p.yml"], folder=folder),
        "ssh": Command(argv=where.server.ssh_argv(line), folder=where.project("output-ssh", hosts=1, steps=[line])),
    }
    costs = compare(commands, repeat=repeat)
    ours, ssh = costs["rawat"], costs["ssh"]
    return [
        Figure(
            name="100 MB of output, of ssh", value=ours.wall_s / ssh.wall_s, unit="x", bar=bars.OUTPUT_OF_SSH,
            detail=f"rawat {ours.wall_s:.2f} s, CPU {ours.cpu_s:.2f} s; ssh {ssh.wall_s:.2f} s",
        ),
        Figure(name="100 MB of output, peak", value=ours.peak_mb, unit="MB", bar=bars.OUTPUT_PEAK_MB),
    ]  # fmt: skip


def slow_link(where: Ground, *, repeat: int) -> list[Figure]:
    """Through a proxy that adds 100 ms: how many round trips' time it takes to the first step, and for one more."""
    counters = where.counters("slow")
    more = 11
    with (
        Proxy(where.server.address, where.server.port) as near,
        Proxy(where.server.address, where.server.port, rtt_ms=RTT_MS) as far,
    ):
        for proxy in (near, far):
            where.server.trust(proxy.host, proxy.port)
        commands = {
            f"{name} {steps}": rawat(where, f"{name}-{steps}", counters, hosts=1, steps=steps, proxy=proxy)
            for name, proxy in (("near", near), ("far", far))
            for steps in (1, more)
        }
        costs = {name: cost.wall_s for name, cost in compare(commands, repeat=repeat).items()}
    trips = {steps: (costs[f"far {steps}"] - costs[f"near {steps}"]) * 1000 / RTT_MS for steps in (1, more)}
    a_step = (trips[more] - trips[1]) / (more - 1)
    return [
        Figure(
            name="100 ms link: trips to the first step", value=trips[1] - 1, bar=bars.TRIPS_TO_FIRST_STEP,
            detail=f"one step takes {costs['far 1']:.2f} s, without the delay {costs['near 1']:.2f} s",
        ),
        Figure(
            name="100 ms link: trips a step", value=a_step, bar=bars.TRIPS_A_STEP + bars.NOISE_OF_TRIPS,
            detail=f"{more} steps take {costs[f'far {more}']:.2f} s",
        ),
    ]  # fmt: skip


def _detail(cost: Cost) -> str:
    return f"{cost.wall_s:.2f} s, CPU {cost.cpu_s:.2f} s, {cost.peak_mb:.0f} MB"
