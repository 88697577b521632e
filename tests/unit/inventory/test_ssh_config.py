"""ssh_config: the first value counts, nothing is run, and what is left out is said."""

from __future__ import annotations

import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from runner.errors import InvalidInput
from runner.inventory.load import Inventory, load
from runner.inventory.ssh_config import Found, SshConfig

HOME = Path("/home/dewi")


def write(folder: Path, text: str, name: str = "config") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    path.chmod(0o600)
    return path


def lookup(folder: Path, text: str, name: str = "db1", **more: Any) -> Found:
    return SshConfig(write(folder, text), home=HOME, user="dewi").lookup(name, **more)


def inventory(folder: Path, config: str, hosts: str = "rawat: 1") -> Inventory:
    return load([write(folder, hosts, "inv.yml")], ssh_config=write(folder, config), known_hosts=["/etc/known"])


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("Host db1\n User a\nHost *\n User b\n Port 2222", "db1", {"user": "a", "port": "2222"}),
        ("Host *\n User b\nHost db1\n User a", "db1", {"user": "b"}),
        ("User top\nHost db1\n User a", "db1", {"user": "top"}),
        ("Host db? !db2\n User a", "db1", {"user": "a"}),
        ("Host db? !db2\n User a", "db2", {}),
        ("Host !db2\n User a", "db1", {}),
        ("Host web db1\n User a", "db1", {"user": "a"}),
        ("Host DB1\n User a", "db1", {}),
        ("Host db[0-9]\n User a", "db1", {}),
        ('host=db1\n\tuser = "a b"  # who', "db1", {"user": "a b"}),
        ("Host web\n User x\nMatch all\n User a", "db1", {"user": "a"}),
        ("Match user root\n User x\nHost db1\n User a", "db1", {"user": "a"}),
        ("Host db1\n HostName %h.example.com", "db1", {"hostname": "db1.example.com"}),
        ("Host db1\n HostName 100%%.%n", "db1", {"hostname": "100%.db1"}),
        ("Host db1\n HostKeyAlias real", "db1", {"hostkeyalias": "real"}),
        ("Host db1\n ProxyJump a,b", "db1", {"proxyjump": "a,b"}),
        ("Host db1\n IdentitiesOnly yes", "db1", {"identitiesonly": "yes"}),
        ("Host db1\n ProxyCommand none\nHost *\n ProxyJump a", "db1", {"proxyjump": "none"}),
        ("Host db1\n ProxyJump none\nHost *\n ProxyJump a", "db1", {"proxyjump": "none"}),
        ("# nothing\n\n", "db1", {}),
        ("User 'a b'", "db1", {"user": "a b"}),
        ("User a\"b c\"'d'e", "db1", {"user": "ab cde"}),
        ("User a\\ b\\c", "db1", {"user": "a b\\c"}),
        ('User "a\\"b"', "db1", {"user": 'a"b'}),
        ("User a # it's 5\" long", "db1", {"user": "a"}),
        ("User a#b\r", "db1", {"user": "a#b"}),
        ("User a\0b", "db1", {"user": "a"}),
        *((f"# nothing{end}User evil", "db1", {}) for end in "\x0b\x0c\x1c\x85\u2028\r"),  # no ends of lines
    ],
)
def test_values(tmp_path: Path, text: str, name: str, wanted: dict[str, str]) -> None:
    assert lookup(tmp_path, text, name).values == wanted


@pytest.mark.parametrize(
    ("text", "files", "known_hosts"),
    [
        ("IdentityFile ~/.ssh/a\nIdentityFile ~/.ssh/b", ["/home/dewi/.ssh/a", "/home/dewi/.ssh/b"], []),
        ("IdentityFile %d/%u/%r/%h/%n/%p/%%", ["/home/dewi/dewi/root/10.0.0.1/db1/2222/%"], []),
        ("IdentityFile none", [], []),
        ("IdentityFile ~/${KEY}", [], []),
        ("IdentityFile ~/%C", [], []),
        ('UserKnownHostsFile ~/.ssh/kh1 "/a b"\nUserKnownHostsFile /late', [], ["/home/dewi/.ssh/kh1", "/a b"]),
        ("UserKnownHostsFile /dev/null", [], []),
        ("UserKnownHostsFile ~/.ssh/%k", [], ["/home/dewi/.ssh/alias"]),
    ],
)
def test_files_and_tokens(tmp_path: Path, text: str, files: list[str], known_hosts: list[str]) -> None:
    head = "HostName 10.0.0.1\nUser root\nPort 2222\nHostKeyAlias alias\n"
    found = lookup(tmp_path, head + text)
    assert (list(found.files), list(found.known_hosts)) == (files, known_hosts)


def test_the_inventory_is_stronger_also_in_tokens(tmp_path: Path) -> None:
    text = "HostName 10.0.0.1\nUser root\nIdentityFile /k/%r@%h"
    assert lookup(tmp_path, text, address="10.9.9.9", user="me").files == ("/k/me@10.9.9.9",)


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("ProxyCommand nc %h %p", "ignored: ProxyCommand would run a local command; name the jump host with ProxyJump"),
        ("StrictHostKeyChecking no", "ignored: StrictHostKeyChecking is not heeded; host keys are always checked"),
        ("StrictHostKeyChecking accept-new",
         "ignored: StrictHostKeyChecking is not heeded; host keys are always checked"),
        ("StrictHostKeyChecking yes", ""),
        ("ForwardAgent yes", "ignored: ForwardAgent is not heeded; an agent is never forwarded"),
        ("ForwardAgent no", ""),
        ("UserKnownHostsFile /dev/null",
         "ignored: UserKnownHostsFile /dev/null would forget the host keys; they are always checked"),
        ("KexAlgorithms x", "ignored: rawat does not read kexalgorithms"),
        ("IdentitiesOnly on", "ignored: 'on' is neither yes nor no"),
        ("UserKnownHostsFile ~nobody-here/k", "ignored: ~nobody-here/k: there is no user 'nobody-here' here"),
        ("IdentityFile ~nobody-here/k", "ignored: ~nobody-here/k: there is no user 'nobody-here' here"),
        ("Port \uff12\uff12", "ignored: '\uff12\uff12' is not a port"),
        (f"Port {'1' * 5000}", f"ignored: '{'1' * 5000}' is not a port"),
        ("Port many", "ignored: 'many' is not a port"),
        ("IdentityFile ~/%C", "ignored: '~/%C' has a token that rawat does not know"),
        ("ServerAliveInterval 5", ""),
        ("User me", ""),
    ],
)  # fmt: skip
def test_what_is_left_out_is_noted_where_it_applies(tmp_path: Path, line: str, note: str) -> None:
    config = SshConfig(write(tmp_path, f"Host db*\n  {line}\n"), home=tmp_path, user="dewi")
    assert config.lookup("db1").notes == ((f"~/config:2: {note}",) if note else ())
    assert config.lookup("web").notes == ()


def test_match_exec_is_never_run(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    found = lookup(tmp_path, f'Match exec "touch {flag}"\n  User evil\n  Include other\n')
    assert found.values == {}
    assert "is ignored: rawat cannot tell 'exec'" in found.notes[0]
    assert not flag.exists()
    more = f'Match host db1 exec "touch {flag}" user dewi\n  User evil\n'
    assert len(lookup(tmp_path, more).notes) == 1
    assert lookup(tmp_path, more, "db2").notes == (), "it would not apply, whatever the program said"
    assert lookup(tmp_path, "Match final\n  User evil\nMatch canonical all\n  User evil\n").values == {}
    assert not flag.exists()


MATCHES = """
Match originalhost db1
  HostName 10.0.0.1
Match host 10.0.0.*,!10.0.0.2 localuser root,dewi
  Port 2201
Match host db1,db9
  Port 2209
Match !host "10.0.0.1" user=nobody,*
  Port 2299
Host app*
  User app
Match user app originalhost !app3,app?
  HostName %h.example.com
  Include more
Match originalhost web !host web.example.com
  HostName web.example.com
  Include more
  Port 2207
Match host *.example.com
  Port 2203
Match originalhost db3 !user app
  User late
Match all
  User last
Match host db3
  Port 1
"""


def test_match_is_gone_by_as_ssh_does(tmp_path: Path) -> None:
    """What the program itself says of the same file is what comes out here."""
    path = write(tmp_path, MATCHES.replace("Include more", f"Include {tmp_path}/more"))
    write(tmp_path, "Match host app1.*\n  User one\nHost *\n  ProxyJump gate\n", "more")
    config = SshConfig(path)
    for name in ("db1", "db2", "db3", "db9", "app1", "app2", "app3", "web", "10.0.0.7", "10.0.0.2"):
        for more in ((), ("-o", "User=app")):
            said = subprocess.run(
                ["ssh", "-G", "-F", str(path), *more, name], capture_output=True, text=True, check=True
            ).stdout
            theirs = dict(line.split(" ", 1) for line in said.splitlines())
            found = config.lookup(name, user="app" if more else "")
            assert found.notes == ()
            values = {"hostname": name, "port": "22", **found.values, **({"user": "app"} if more else {})}
            wanted = {key: theirs[key] for key in ("hostname", "port", "user", "proxyjump") if key in theirs}
            assert values == wanted, (name, more)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Match host", "'host' of this Match has no value"),
        ("Match user x all", "'all' of this Match stands alone"),
        ("Match", "'Match' has no value"),
    ],
)
def test_a_match_that_ssh_refuses_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        lookup(tmp_path, f"{text}\n  Port 1\n")


def test_include_is_read_within_its_block(tmp_path: Path) -> None:
    write(tmp_path, "User inner\nHost web\n Port 1\n", "conf.d/10-a")
    write(tmp_path, "Port 2\n", "conf.d/20-b")
    write(tmp_path, "Include conf.d/10-a\n", "conf.d/30-c")
    path = write(tmp_path, "Host db1 web\n Include conf.d/*\n HostKeyAlias x\nHost *\n User late\n")
    config = SshConfig(path, home=HOME, user="dewi")
    assert config.lookup("db1").values == {"user": "inner", "port": "2", "hostkeyalias": "x"}
    assert config.lookup("web").values == {"user": "inner", "port": "1", "hostkeyalias": "x"}
    assert config.lookup("other").values == {"user": "late"}


def test_include_of_itself_ends(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Include is nested deeper than 16 files"):
        lookup(tmp_path, "Include config\n")


def test_an_include_from_the_home_of_nobody_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="config:1: ~nobody-here/x: there is no user 'nobody-here' here"):
        lookup(tmp_path, "Include ~nobody-here/x\n")


def test_an_include_with_a_nul_in_it_names_no_file(tmp_path: Path) -> None:
    assert lookup(tmp_path, "Include a\0b\nUser late\n").values["user"] == "late"


def test_a_file_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "User a\n")
    path.chmod(0o666)
    with pytest.raises(InvalidInput, match="others than you may write to this file"):
        SshConfig(path)


@pytest.mark.parametrize(
    "line", ['User "a', "User", "???", "User 'a\"", 'User ""', "User a b", "\u00a0User a", "User\u00a0a"]
)
def test_lines_that_are_none(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        lookup(tmp_path, f"Host db1\n{line}\n")
    assert raised.value.problems[0].where is not None
    assert raised.value.problems[0].where.line == 2


def test_aliases_are_names_without_wildcards(tmp_path: Path) -> None:
    config = SshConfig(write(tmp_path, "Host a b* !c\nHost d\nHost *\nHost a\n"))
    assert config.aliases() == ("a", "d")


def test_a_host_of_the_inventory_gets_the_rest_from_ssh_config(tmp_path: Path) -> None:
    config = "Host db1\n HostName 10.0.0.5\n User root\n Port 2200\nHost 10.0.0.9\n User nine\n"
    found = inventory(tmp_path, config, "rawat: 1\nhosts: {db1: {port: 22}, db9: {address: 10.0.0.9}, db2: {}}").hosts
    assert [(host.address, host.port, host.user) for host in found] == [
        ("10.0.0.5", 22, "root"), ("10.0.0.9", None, "nine"), ("db2", None, None),
    ]  # fmt: skip
    assert found[0].known_hosts == ("/etc/known",)


def test_known_hosts_of_ssh_config_take_the_place_of_the_users_own(tmp_path: Path) -> None:
    """As for ssh: two customers may have one address, and the keys of one are not to vouch for the other's host."""
    hosts = write(tmp_path, "rawat: 1\nhosts: {a: {}, b: {}, c: {known_hosts: keys}}\n", "inv.yml")
    config = write(tmp_path, "Host a c\n UserKnownHostsFile /customer/%n\n")
    found = load([hosts], ssh_config=config, known_hosts=["~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/known"])
    own = tuple(str(Path.home() / ".ssh" / name) for name in ("known_hosts", "known_hosts2"))
    assert [host.known_hosts for host in found.hosts] == [
        ("/customer/a", "/etc/known"), (*own, "/etc/known"), (str(tmp_path / "keys"), *own, "/etc/known"),
    ]  # fmt: skip


def test_names_of_ssh_config_can_be_chosen_but_are_not_in_all(tmp_path: Path) -> None:
    found = inventory(tmp_path, "Host extra\n HostName 10.0.0.7\n ProxyCommand x\n", "rawat: 1\nhosts: {db1: {}}")
    assert [host.name for host in found.select("all").hosts] == ["db1"]
    chosen = found.select("extra,db1")
    assert [(host.name, host.address) for host in chosen.hosts] == [("db1", "db1"), ("extra", "10.0.0.7")]
    assert len(chosen.notes) == 1
    assert found.select("db1").notes == ()
    assert found.describe("extra")[1][:2] == ("address", "10.0.0.7")
    with pytest.raises(InvalidInput):
        found.select("extr*")


def test_jumps_of_ssh_config_are_followed(tmp_path: Path) -> None:
    config = """
    Host db1
      ProxyJump inner,me@last:2200
    Host inner
      HostName 10.1.1.1
      ProxyJump outer
    Host outer
      User gate
    Host last
      ProxyJump never-asked
    """
    (host,) = inventory(tmp_path, config, "rawat: 1\nhosts: {db1: {}}").hosts
    assert [(hop.name, hop.address, hop.user, hop.port) for hop in host.jump] == [
        ("outer", "outer", "gate", None), ("inner", "10.1.1.1", None, None), ("last", "last", "me", 2200),
    ]  # fmt: skip


def test_what_stands_in_a_jump_counts_in_tokens_and_makes_a_tunnel_of_localhost(tmp_path: Path) -> None:
    config = "Host *\n User x\n Port 1\n IdentityFile /k/%r-%p\n"
    (host,) = inventory(tmp_path, config, "rawat: 1\nhosts: {db: {jump: [me@gate:2200, localhost:9]}}").hosts
    assert [(hop.user, hop.port, hop.identity_files) for hop in host.jump] == [
        ("me", 2200, ("/k/me-2200",)), ("x", 9, ("/k/x-9",)),
    ]  # fmt: skip


def test_the_user_in_a_jump_may_have_an_at_sign(tmp_path: Path) -> None:
    (host,) = inventory(tmp_path, "", "rawat: 1\nhosts: {db: {jump: [me@corp@gate:2200]}}").hosts
    assert [(hop.name, hop.user, hop.port) for hop in host.jump] == [("gate", "me@corp", 2200)]


def test_jumps_of_the_inventory_are_stronger(tmp_path: Path) -> None:
    hosts = "rawat: 1\nhosts: {a: {jump: []}, b: {jump: gate}, c: {}, gate: {jump: []}}"
    found = inventory(tmp_path, "Host *\n ProxyJump elsewhere\nHost elsewhere\n User x\n", hosts.replace("c: {}, ", ""))
    assert [[hop.name for hop in host.jump] for host in found.hosts] == [[], ["gate"], []]


def test_a_jump_over_nobody_is_no_direct_connection(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="config:1: '' is no jump host"):
        inventory(tmp_path, "ProxyJump ,\n", "rawat: 1\nhosts: {db1: {}}")


def test_jumps_in_a_circle(tmp_path: Path) -> None:
    config = "Host db1\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a\n"
    with pytest.raises(InvalidInput, match="round in a circle: db1 > a > b > a"):
        inventory(tmp_path, config, "rawat: 1\nhosts: {db1: {}}")


def test_a_second_file_is_weaker_and_missing_files_are_empty(tmp_path: Path) -> None:
    first, second = write(tmp_path, "Host db1\n User a\n"), write(tmp_path, "User b\nPort 2222\n", "system")
    config = SshConfig(first, tmp_path / "none", Path("/dev/null"), second, home=HOME, user="dewi")
    assert config.lookup("db1").values == {"user": "a", "port": "2222"}
    assert config.lookup("db2").values == {"user": "b", "port": "2222"}
