"""
Make the archives anew: `python -m tests.corpus.make FOLDER`, an empty one whose path the records may name.

With names behind it, only those that are made by a run of their own. The name of the machine is in the records, too:
`unshare -u sh -c 'hostname controller; python -m tests.corpus.make /srv/corpus over-ssh'`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.acceptance.project import Project, wait_for
from tests.acceptance.test_signed import make_key
from tests.bed.sshd import LoopbackSshd
from tests.corpus.attacks import ATTACKS, dump

HERE = Path(__file__).parent
BOOK = """
checklist:
  - {id: told, phase: document, text: The desk was told, by: hand}
phases:
  implement:
    - {id: say, command: 'echo hello'}
    - {id: more, command: 'echo more'}
"""
SLOW = "phases: {implement: [{id: slow, idempotent: true, script: 'touch begun; sleep 2'}]}\n"


def project(folder: Path, *, key: str = "alice") -> Project:
    made = Project(folder / "project")
    for name in ("alice", "bob", "mallory"):
        make_key(made.folder, name)
    for name in ("alice", "bob"):
        assert made.rawat("key", "add", f"{name}@example.com", f"{name}.pub").code == 0
    if key:
        assert made.rawat("key", "use", key).code == 0
    made.playbook(BOOK)
    return made


def base(made: Project) -> None:
    """Two runs by alice, who signs off an item of the first, which bob reviews."""
    for _ in range(2):
        assert made.rawat("run", "p.yml", "--ticket", "CHG-1").code == 9
    first = sorted(path.name for path in (made.folder / "records").glob("01*"))[0]
    assert made.rawat("sign", first, "--item", "told", "--verdict", "pass", "--note", "by phone").code == 0
    bob = {"RAWAT_SIGNING_KEY": "bob"}
    assert made.rawat("sign", first, "--review", "--verdict", "pass", environment=bob).code == 0


def one(made: Project) -> None:
    assert made.rawat("run", "p.yml", "--ticket", "CHG-1").code == 9


def other_namespace(made: Project) -> None:
    """Signed by the right key for another purpose."""
    code = "import runner.signing as s; s.RUN = s.SIGN_OFF; from runner.cli.main import main; main()"
    words = [sys.executable, "-c", code, "run", "p.yml"]
    assert subprocess.run(words, cwd=made.folder, env=made.environment, check=False).returncode == 9


def own_review(made: Project) -> None:
    """Past `rawat sign`, which refuses it."""
    from runner.app.prepare import settings_of
    from runner.app.request import Context
    from runner.app.signing import signer_of
    from runner.journal.acts import add_act

    one(made)
    context = Context(folder=made.folder, environment=made.environment)
    signer = signer_of(settings_of(context), made.environment)
    records = made.folder / "records"
    (run,) = (path.name for path in records.glob("01*"))
    said = {"verdict": "pass", "note": "", "by": "alice@example.com", "who": {"user": "alice", "uid": 1000}}
    add_act(records, "review", at="2026-11-24T00:00:00.000Z", said=said, run=run, signer=signer)


def interrupted(made: Project) -> None:
    made.playbook(SLOW.replace("touch begun", f"touch {made.folder}/begun"))
    process = made.start("run", "p.yml")
    wait_for(made.folder / "begun", process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def gone_on_with(made: Project) -> None:
    interrupted(made)
    assert made.rawat("resume").code == 0


def over_ssh(made: Project) -> None:
    """Two hosts by a real sshd, one by way of the other; a host that is away is refused beside them."""
    with LoopbackSshd(made.folder.parent / "sshd", addresses=("127.0.0.1", "127.0.0.2")) as sshd:
        made.write("rawat.yml", (made.folder / "rawat.yml").read_text() + f"known_hosts: [{sshd.known_hosts}]\n")
        how = f"port: {sshd.port}, user: {sshd.user}, identity_file: {sshd.key}"
        made.write(
            "inventory.yml",
            f"rawat: 1\nhosts:\n  h1: {{address: 127.0.0.1, {how}}}\n  h2: {{address: 127.0.0.2, jump: h1, {how}}}\n"
            "  h3: {address: 127.0.0.3, port: 9}\n",
        )
        made.playbook(BOOK + "rollout: {stop_when_failed: 3}\n")
        assert made.rawat("run", "p.yml", "--ticket", "CHG-1").code == 4
    shutil.rmtree(sshd.folder)


MADE: Mapping[str, tuple[str, Callable[[Project], None]]] = {
    "other-key": ("mallory", one),
    "not-signed": ("", one),
    "other-namespace": ("alice", other_namespace),
    "own-review": ("alice", own_review),
    "interrupted": ("alice", interrupted),
    "gone-on-with": ("alice", gone_on_with),
    "over-ssh": ("alice", over_ssh),
}


def pack(records: Path, name: str) -> None:
    """Without who owns it here; locks and the index are no part of a record."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        wanted = not any(part in ("locks", "index.db") for part in Path(member.name).parts)
        return member if wanted else None

    with tarfile.open(HERE / f"{name}.tar.xz", "w:xz") as archive:
        archive.add(records, arcname="records", filter=plain)


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    if not names:
        _of_base(folder)
    for name in names or MADE:
        key, act = MADE[name]
        made = project(folder, key=key)
        act(made)
        pack(made.folder / "records", name)
        shutil.rmtree(made.folder)
    dump(HERE / "expected.json")


def _of_base(folder: Path) -> None:
    """What is done to copies of one folder of records."""
    made = project(folder)
    base(made)
    records = made.folder / "records"
    (HERE / "head.txt").write_text(f"{made.rawat('verify', '--json').json()['head']}\n")
    for name, attack in ATTACKS.items():
        if name in MADE:
            continue
        copy = folder / "copy"
        shutil.copytree(records, copy, symlinks=True)
        if attack.act is not None:
            attack.act(copy)
        pack(copy, name)
        shutil.rmtree(copy)
    shutil.rmtree(made.folder)


if __name__ == "__main__":
    main()
