"""The others, each as its users would use it at best: connections kept open, all hosts at once, nothing gathered."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.bench.ground import Counters, Ground
from tests.bench.measure import Command, Failed

PINS = Path(__file__).with_name("peers.txt")

_FABRIC = """\
import sys
from fabric import Connection, ThreadingGroup
line, steps, port, user, key, *addresses = sys.argv[1:]
options = {"key_filename": key, "allow_agent": False, "look_for_keys": False}
group = ThreadingGroup.from_connections(
    [Connection(address, port=int(port), user=user, connect_kwargs=options) for address in addresses]
)
for _ in range(int(steps)):
    group.run(line, hide=True)
group.close()
"""

_BARE = """\
import sys, time
from fabric import Connection
line, steps, port, user, key, address = sys.argv[1:]
options = {"key_filename": key, "allow_agent": False, "look_for_keys": False}
link = Connection(address, port=int(port), user=user, connect_kwargs=options)
link.open()
link.transport.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
channel = link.transport.open_session()
channel.exec_command("sh")
for _ in range(int(steps)):
    channel.sendall(f"{line}\\necho $?\\n")
    assert channel.recv(100) == b"0\\n"
link.close()
"""

_ANSIBLE = """\
[defaults]
forks = {hosts}
gathering = explicit
host_key_checking = True
nocows = True
retry_files_enabled = False
[ssh_connection]
pipelining = True
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={known_hosts} -o BatchMode=yes
"""


def peers_bin() -> Path:
    """The programs of pyinfra and ansible-core, in an environment that is kept in the temporary folder."""
    home = Path(tempfile.gettempdir()) / f"rawat-bench-peers-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise Failed(f"{home} is not a folder of ours alone; remove it")
    if not (home / "bin" / "ansible-playbook").exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", "-r", PINS], check=True)
    return home / "bin"


def _folder(where: Ground, name: str) -> Path:
    folder = where.folder / "peers" / name
    folder.mkdir(parents=True)
    return folder


def _program(where: Ground, name: str, text: str, counters: Counters, *, hosts: int, steps: int) -> Command:
    folder = _folder(where, f"{name}-{hosts}-{steps}")
    (folder / "peer.py").write_text(text, encoding="utf-8")
    server = where.server
    addresses = [where.address(number) for number in range(1, hosts + 1)]
    words = [counters.line, str(steps), str(server.port), server.user, str(server.key), *addresses]
    return Command(
        argv=[sys.executable, "peer.py", *words],
        folder=folder,
        check=lambda: counters.check(name, hosts=hosts, steps=steps),
    )


def fabric(where: Ground, counters: Counters, *, hosts: int, steps: int) -> Command:
    """A ThreadingGroup, its connections kept open over all steps."""
    return _program(where, "fabric", _FABRIC, counters, hosts=hosts, steps=steps)


def bare_shell(where: Ground, counters: Counters, *, steps: int) -> Command:
    """Lines for one `sh` over one channel: nothing durable, nothing on record, no deadline."""
    return _program(where, "bare shell", _BARE, counters, hosts=1, steps=steps)


def pyinfra(where: Ground, counters: Counters, *, hosts: int, steps: int) -> Command:
    folder = _folder(where, f"pyinfra-{hosts}")
    server = where.server
    data = {
        "ssh_port": server.port,
        "ssh_user": server.user,
        "ssh_key": str(server.key),
        "ssh_known_hosts_file": str(server.known_hosts),
        "ssh_strict_host_key_checking": "yes",
    }
    rows = [(f"h{number}", {**data, "ssh_hostname": where.address(number)}) for number in range(1, hosts + 1)]
    (folder / "inventory.py").write_text(f"hosts = {rows!r}\n", encoding="utf-8")
    shell = f"server.shell(name=f'step {{number}}', commands=[{counters.line!r}])"
    deploy = f"from pyinfra.operations import server\nfor number in range({steps}):\n    {shell}\n"
    (folder / "deploy.py").write_text(deploy, encoding="utf-8")
    return Command(
        argv=[str(peers_bin() / "pyinfra"), "-y", "--parallel", str(hosts), "inventory.py", "deploy.py"],
        folder=folder,
        check=lambda: counters.check("pyinfra", hosts=hosts, steps=steps),
    )


def ansible_raw(where: Ground, counters: Counters, *, hosts: int, steps: int) -> Command:
    """`raw` is its quickest task: a line for ssh, without a module on the host."""
    return ansible(where, counters, hosts=hosts, steps=steps, task="raw")


def ansible(where: Ground, counters: Counters, *, hosts: int, steps: int, task: str = "shell") -> Command:
    """Pipelining, one multiplexed ssh per host, as many forks as hosts, no facts."""
    folder = _folder(where, f"ansible-{task}-{hosts}")
    server = where.server
    (folder / "ansible.cfg").write_text(_ANSIBLE.format(hosts=hosts, known_hosts=server.known_hosts), encoding="utf-8")
    (folder / "cp").mkdir()
    rows = [
        f"h{number} ansible_host={where.address(number)} ansible_port={server.port} ansible_user={server.user} "
        f"ansible_ssh_private_key_file={server.key} ansible_control_path={folder}/cp/h{number}"
        for number in range(1, hosts + 1)
    ]
    (folder / "hosts.ini").write_text("\n".join(rows) + "\n", encoding="utf-8")
    tasks = "".join(f"    - name: step {number}\n      {task}: '{counters.line}'\n" for number in range(steps))
    play = f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}"
    (folder / "play.yml").write_text(play, encoding="utf-8")

    def check() -> None:
        for socket in (folder / "cp").iterdir():  # what stays behind would make the next run's connections for it
            subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "x"], capture_output=True, check=False)
        counters.check(f"ansible {task}", hosts=hosts, steps=steps)

    return Command(
        argv=[str(peers_bin() / "ansible-playbook"), "-i", "hosts.ini", "play.yml"],
        folder=folder,
        environment={
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{peers_bin()}:{os.environ['PATH']}",
        },
        check=check,
    )
