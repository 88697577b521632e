"""Host keys on the first hop and on the second: what is accepted, what is refused, what a person is told to type."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from runner.errors import HostKeyRefused, LoginRefused
from runner.frozen import replace
from runner.inventory.load import load
from runner.model import Host, Peer
from runner.testing import NoPasswords
from runner.transport.known_hosts import fingerprint
from runner.transport.ssh import SshTransport
from runner.transport.trust import scan, trust
from tests.bed.fixtures import start_sshd
from tests.bed.process import run, until
from tests.bed.sshd import LoopbackSshd

__all__ = ["start_sshd"]

Start = Callable[..., LoopbackSshd]


def host(sshd: LoopbackSshd, *, jump: tuple[Host, ...] = (), **given: str) -> Host:
    return Host(
        name=given.pop("name", "web"),
        address=sshd.address,
        port=sshd.port,
        user=sshd.user,
        identity_files=(str(sshd.key),),
        jump=jump,
        **given,  # type: ignore[arg-type]
    )


def reach(target: Host, *known_hosts: Path) -> Peer:
    """Connect, and say how it was."""
    transport = SshTransport(known_hosts=tuple(map(str, known_hosts)))
    with contextlib.closing(transport):
        session = transport.connect(target, run_id=uuid.uuid4().hex, passwords=NoPasswords())
        with contextlib.closing(session):
            session.forget()
            return session.peer


def refused(target: Host, *known_hosts: Path) -> HostKeyRefused:
    with pytest.raises(HostKeyRefused) as caught:
        reach(target, *known_hosts)
    return caught.value


@pytest.fixture(params=["first hop", "second hop"])
def hop(request: pytest.FixtureRequest, start_sshd: Start, tmp_path: Path) -> Iterator[tuple[LoopbackSshd, Host, Path]]:
    """The server whose key is in question, the host that leads over it, and known_hosts for what is not in question."""
    tested = start_sshd()
    other = tmp_path / "other_known_hosts"
    if request.param == "first hop":
        behind = start_sshd()
        other.write_text(behind.known_hosts.read_text())
        yield tested, host(behind, name="behind", jump=(host(tested, name="gate"),)), other
    else:
        gate = start_sshd()
        other.write_text(gate.known_hosts.read_text())
        yield tested, host(tested, jump=(host(gate, name="gate"),)), other


def test_a_known_key_is_accepted_and_the_line_named(hop: tuple[LoopbackSshd, Host, Path]) -> None:
    tested, target, other = hop
    peer = reach(target, other, tested.known_hosts)
    assert len(peer.jump) == 1 and peer.trusted_by.endswith("known_hosts:1")
    assert peer.key_type == "ssh-ed25519" and peer.fingerprint.startswith("SHA256:") and peer.cipher


def test_an_unknown_key_is_refused_with_the_command_to_type(hop: tuple[LoopbackSshd, Host, Path]) -> None:
    tested, target, other = hop
    error = refused(target, other)
    assert "unknown host key" in error.message and tested.fingerprint in error.message
    assert f"--fingerprint {tested.fingerprint}" in error.hint and "rawat trust" in error.hint
    assert error.host in error.hint


def test_a_changed_key_is_refused_with_both_fingerprints(hop: tuple[LoopbackSshd, Host, Path]) -> None:
    tested, target, other = hop
    before = tested.fingerprint
    tested.new_host_key()
    error = refused(target, other, tested.known_hosts)
    assert "CHANGED" in error.message
    assert before in error.message and tested.fingerprint in error.message
    assert f"--fingerprint {tested.fingerprint} --replace" in error.hint


def test_a_revoked_key_is_refused_though_it_is_known(hop: tuple[LoopbackSshd, Host, Path], tmp_path: Path) -> None:
    tested, target, other = hop
    revoked = tmp_path / "revoked"
    revoked.write_text(f"@revoked * {tested.host_key}\n")
    assert "revoked" in refused(target, tested.known_hosts, other, revoked).message


# -- certificates ------------------------------------------------------------------------------------------------


def authority(folder: Path, name: str = "ca", kind: str = "ed25519") -> Path:
    key = folder / name
    run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)])
    return key


def certified(start_sshd: Start, folder: Path, ca: Path, *options: str) -> LoopbackSshd:
    """A server that shows a certificate of this authority, made with these options of ssh-keygen."""
    certificate = folder / "host-cert.pub"
    sshd = start_sshd(options=(f"HostCertificate {certificate}",))
    public = folder / "host.pub"
    public.write_text((sshd.folder / "host_key.pub").read_text())
    run(["ssh-keygen", "-q", "-s", str(ca), "-I", "the-id", *options, str(public)])
    os.kill(sshd._listener, signal.SIGHUP)
    scan = ["ssh-keyscan", "-c", "-T", "2", "-t", "ed25519", "-p", str(sshd.port), sshd.address]
    until("sshd shows its certificate", lambda: "cert-v01" in run(scan, check=False).stdout)
    return sshd


def trusting(folder: Path, ca: Path, names: str = "*") -> Path:
    file = folder / "ca_known_hosts"
    file.write_text(f"@cert-authority {names} {Path(f'{ca}.pub').read_text()}")
    return file


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_certificate_of_a_trusted_authority(start_sshd: Start, tmp_path: Path, kind: str) -> None:
    ca = authority(tmp_path, kind=kind)
    sshd = certified(start_sshd, tmp_path, ca, "-h", "-n", "other,127.0.0.1", "-V", "-1h:+1h")
    peer = reach(host(sshd), trusting(tmp_path, ca))
    assert "certificate 'the-id' by authority SHA256:" in peer.trusted_by
    assert peer.key_type == "ssh-ed25519-cert-v01@openssh.com"


def test_a_certificate_behind_a_jump_host_and_for_an_alias(start_sshd: Start, tmp_path: Path) -> None:
    ca = authority(tmp_path)
    sshd = certified(start_sshd, tmp_path, ca, "-h", "-n", "cluster")
    gate = start_sshd()
    target = host(sshd, jump=(host(gate, name="gate"),), host_key_alias="cluster")
    assert "authority" in reach(target, gate.known_hosts, trusting(tmp_path, ca, "cluster")).trusted_by


@pytest.mark.parametrize(
    ("options", "names", "why"),
    [
        (("-h", "-n", "elsewhere"), "*", "it is for elsewhere, not for 127.0.0.1"),
        (("-h",), "*", "it is for nobody"),
        (("-h", "-n", "127.0.0.*"), "*", "it is for 127.0.0.*, not for 127.0.0.1"),
        (("-h", "-n", "127.0.0.1", "-V", "-2h:-1h"), "*", "expired"),
        (("-h", "-n", "127.0.0.1", "-V", "+1h:+2h"), "*", "valid only from"),
        (("-h", "-n", "127.0.0.1", "-O", "critical:odd=1"), "*", "critical options"),
        (("-h", "-n", "127.0.0.1"), "other-host", "unknown host key"),
    ],
)
def test_a_certificate_that_does_not_fit(
    start_sshd: Start, tmp_path: Path, options: tuple[str, ...], names: str, why: str
) -> None:
    ca = authority(tmp_path)
    sshd = certified(start_sshd, tmp_path, ca, *options)
    assert why in refused(host(sshd), trusting(tmp_path, ca, names)).message


def test_another_authority_and_a_revoked_one_are_refused(start_sshd: Start, tmp_path: Path) -> None:
    ca, other = authority(tmp_path), authority(tmp_path, "other")
    sshd = certified(start_sshd, tmp_path, ca, "-h", "-n", "127.0.0.1")
    assert "is not trusted" in refused(host(sshd), trusting(tmp_path, other)).message
    revoked = tmp_path / "revoked"
    revoked.write_text(f"@revoked * {Path(f'{ca}.pub').read_text()}")
    assert "is revoked" in refused(host(sshd), trusting(tmp_path, ca), revoked).message


def test_a_key_known_by_itself_is_enough_where_the_certificate_is_not(start_sshd: Start, tmp_path: Path) -> None:
    ca = authority(tmp_path)
    sshd = certified(start_sshd, tmp_path, ca, "-h", "-n", "elsewhere")
    assert reach(host(sshd), trusting(tmp_path, ca), sshd.known_hosts).trusted_by.endswith("known_hosts:1")


# -- several keys, names ------------------------------------------------------------------------------------------


def test_a_host_with_several_keys_is_asked_for_the_one_that_is_known(start_sshd: Start, tmp_path: Path) -> None:
    rsa = authority(tmp_path, "rsa_host_key", "rsa")
    sshd = start_sshd(options=(f"HostKey {rsa}",))
    known = tmp_path / "known_hosts"
    known.write_text(f"[{sshd.address}]:{sshd.port} {Path(f'{rsa}.pub').read_text()}")
    assert reach(host(sshd), known).key_type == "ssh-rsa"
    assert reach(host(sshd), sshd.known_hosts).key_type == "ssh-ed25519"


def test_hashed_names(start_sshd: Start) -> None:
    sshd = start_sshd()
    run(["ssh-keygen", "-q", "-H", "-f", str(sshd.known_hosts)])
    assert sshd.known_hosts.read_text().startswith("|1|")
    assert reach(host(sshd), sshd.known_hosts).trusted_by.endswith(":1")


def test_known_hosts_of_the_inventory_come_first(start_sshd: Start) -> None:
    sshd = start_sshd()
    target = Host(**{name: getattr(host(sshd), name) for name in ("name", "address", "port", "user", "identity_files")})
    assert refused(target)
    own = Host(
        name="web", address=sshd.address, port=sshd.port, user=sshd.user, identity_files=(str(sshd.key),),
        known_hosts=(str(sshd.known_hosts),),
    )  # fmt: skip
    assert reach(own).trusted_by == f"{sshd.known_hosts}:1"


# -- trust -------------------------------------------------------------------------------------------------------


def test_trust_adds_a_key_only_by_its_fingerprint(hop: tuple[LoopbackSshd, Host, Path], tmp_path: Path) -> None:
    tested, target, other = hop
    file = tmp_path / "home" / ".ssh" / "known_hosts"
    asked = target.jump[0] if target.jump[0].port == tested.port else target
    transport = SshTransport(known_hosts=(str(other), str(file)))
    key = scan(transport, asked)
    assert key.fingerprint == tested.fingerprint and tested.host_key in key.line
    with pytest.raises(HostKeyRefused, match="not SHA256:wrong"):
        trust(file, key, expected="SHA256:wrong")
    assert not file.exists()
    assert trust(file, key, expected=tested.fingerprint) == key.line
    assert file.stat().st_mode & 0o777 == 0o600
    reach(target, other, file)
    text = file.read_text()
    trust(file, key, expected=tested.fingerprint)
    assert file.read_text() == text


def test_trust_replaces_another_key_only_when_told(start_sshd: Start, tmp_path: Path) -> None:
    sshd = start_sshd()
    file = tmp_path / "known_hosts"
    before = "other ssh-ed25519 AAAA a comment\x0c* ssh-ed25519\rAAAA"
    file.write_text(f"{before}\n[{sshd.address}]:{sshd.port},alias {sshd.host_key}")
    sshd.new_host_key()
    transport = SshTransport(known_hosts=())
    key = scan(transport, host(sshd))
    with pytest.raises(HostKeyRefused, match="another key"):
        trust(file, key, expected=key.fingerprint)
    trust(file, key, expected=key.fingerprint, replace=True)
    lines = file.read_bytes().decode().split("\n")
    assert lines[0] == before and lines[1].startswith("alias ") and lines[2:] == [key.line, ""]
    for name in ("*", "web,db", "!web", "|1|web", "a b", "#web", "@web", ""):
        with pytest.raises(HostKeyRefused, match="cannot keep a key"):
            trust(file, replace(key, name=name), expected=key.fingerprint)
    reach(host(sshd), file)
    subprocess.run(["ssh-keygen", "-lf", str(file)], check=False)


# -- login -------------------------------------------------------------------------------------------------------


def test_a_refused_login_says_which_keys_were_tried(start_sshd: Start, tmp_path: Path) -> None:
    sshd = start_sshd()
    wrong = authority(tmp_path, "wrong")
    locked = tmp_path / "locked"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)])
    target = Host(
        name="web", address=sshd.address, port=sshd.port, user=sshd.user,
        identity_files=(str(wrong), str(locked), str(tmp_path / "none")),
    )  # fmt: skip
    with pytest.raises(LoginRefused) as caught:
        reach(target, sshd.known_hosts)
    assert "no key was accepted" in caught.value.message and "ssh-copy-id" in caught.value.hint
    assert f"offered: {wrong} (SHA256:" in caught.value.message
    assert f"{locked} (has a passphrase" in caught.value.message and "none (not there)" in caught.value.message


def test_a_server_that_takes_fewer_keys_than_were_offered(start_sshd: Start, tmp_path: Path) -> None:
    sshd = start_sshd(options=("MaxAuthTries 1",))
    files = (str(authority(tmp_path, "wrong")), str(sshd.key))
    with pytest.raises(LoginRefused, match=r"the server ended the connection; offered: .*wrong") as caught:
        reach(replace(host(sshd), identity_files=files), sshd.known_hosts)
    assert "MaxAuthTries" in caught.value.hint


def test_the_key_is_offered_where_its_certificate_is_not_taken(start_sshd: Start, tmp_path: Path) -> None:
    sshd = start_sshd()
    public = sshd.key.with_suffix(".pub")
    run(["ssh-keygen", "-q", "-s", str(authority(tmp_path)), "-I", "x", "-V", "-2h:-1h", str(public)])
    peer = reach(host(sshd), sshd.known_hosts)
    assert peer.login == f"{sshd.key} ({fingerprint(base64.b64decode(public.read_text().split()[1]))})"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_key_as_openssl_writes_it(start_sshd: Start, tmp_path: Path, kind: str) -> None:
    sshd = start_sshd()
    key = tmp_path / "key"
    run(["ssh-keygen", "-q", "-t", kind, "-m", "PKCS8", "-N", "", "-f", str(key)])
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    sshd.key.with_suffix(".pub").write_text(key.with_suffix(".pub").read_text())
    assert reach(replace(host(sshd), identity_files=(str(key),)), sshd.known_hosts).login.startswith(str(key))


def test_keys_that_nobody_here_can_use_are_told(start_sshd: Start, tmp_path: Path) -> None:
    sshd = start_sshd()
    odd = {"curve": Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())}
    inner = base64.b64decode("".join(sshd.key.read_text().splitlines()[1:-1]))
    hardware = base64.b64encode(inner.replace(b"ssh-ed25519", b"sk-ed255199")).decode()
    odd["hardware"] = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{hardware}\n-----END OPENSSH PRIVATE KEY-----\n".encode()
    odd["empty"] = b""
    for name, data in odd.items():
        (tmp_path / name).write_bytes(data)
    files = tuple(str(tmp_path / name) for name in odd)
    with pytest.raises(LoginRefused) as caught:
        reach(replace(host(sshd), identity_files=files, identities_only=True), sshd.known_hosts)
    said = caught.value.message
    assert "curve (a kind of key that rawat does not use by itself; add it to the agent)" in said
    assert "hardware (a kind of key that rawat does not use" in said
    assert "empty (no private key that can be read: " in said and "https:" not in said


def test_no_key_at_all(start_sshd: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    sshd = start_sshd()
    target = Host(name="web", address=sshd.address, port=sshd.port, user=sshd.user)
    with pytest.raises(LoginRefused, match="there is no key to log in with"):
        reach(target, sshd.known_hosts)


def test_a_key_in_the_agent(start_sshd: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sshd = start_sshd()
    sock = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))
        until("the agent answers", lambda: run(["ssh-add", "-l"], check=False).returncode == 1)
        run(["ssh-add", "-q", str(sshd.key)])
        target = Host(name="web", address=sshd.address, port=sshd.port, user=sshd.user)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert reach(target, sshd.known_hosts).user == sshd.user
    finally:
        agent.terminate()
        agent.wait(240)


def test_keys_of_the_agent_are_not_tried_where_ssh_config_says_so(
    start_sshd: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IdentitiesOnly, through the inventory."""
    sshd = start_sshd()
    sock, config, inventory = tmp_path / "agent", tmp_path / "config", tmp_path / "inventory.yml"
    wrong = authority(tmp_path, "wrong")
    inventory.write_text(f"rawat: 1\nhosts: {{web: {{address: {sshd.address}, user: {sshd.user}}}}}\n")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))
        until("the agent answers", lambda: run(["ssh-add", "-l"], check=False).returncode == 1)
        run(["ssh-add", "-q", str(sshd.key)])
        for only in ("no", "yes"):
            config.write_text(f"Host web\n Port {sshd.port}\n IdentityFile {wrong}\n IdentitiesOnly {only}\n")
            config.chmod(0o600)
            target = load([inventory], ssh_config=config).select("web").hosts[0]
            if only == "no":
                assert reach(target, sshd.known_hosts).user == sshd.user
                continue
            with pytest.raises(LoginRefused, match="no key was accepted"):
                reach(target, sshd.known_hosts)
        # those that the files name are, though the file alone could not be used
        for name, text in (("locked", sshd.key.read_text()), ("only.pub", sshd.key.with_suffix(".pub").read_text())):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
        run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(tmp_path / "locked")])
        for file in ("locked", "only.pub", "only"):
            target = replace(target, identity_files=(str(wrong), str(tmp_path / file)))
            assert target.identities_only and reach(target, sshd.known_hosts).login.endswith("in the agent)")
    finally:
        agent.terminate()
        agent.wait(240)


def test_ssh_config_has_its_say_and_what_is_ignored_is_told(start_sshd: Start, tmp_path: Path) -> None:
    sshd, gate = start_sshd(), start_sshd()
    config = tmp_path / "config"
    config.write_text(
        f"Host inner\n HostName {sshd.address}\n Port {sshd.port}\n IdentityFile {sshd.key}\n"
        f" ProxyJump {gate.user}@outer:{gate.port}\n UserKnownHostsFile {sshd.known_hosts}\n"
        f" StrictHostKeyChecking no\n ForwardAgent yes\n"
        f'Match host outer exec "touch {tmp_path}/never"\n Port 1\n'
        f"Host outer\n HostName {gate.address}\n IdentityFile {gate.key}\n UserKnownHostsFile {gate.known_hosts}\n"
    )
    config.chmod(0o600)
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(f"rawat: 1\nhosts: {{inner: {{user: {sshd.user}}}}}\n")
    chosen = load([inventory], ssh_config=config).select("inner")
    transport = SshTransport(known_hosts=())
    with contextlib.closing(transport):
        session = transport.connect(chosen.hosts[0], run_id=uuid.uuid4().hex, passwords=NoPasswords())
        session.forget()
        peer = session.peer
    assert peer.port == sshd.port and str(gate.port) in peer.jump[0]
    for word in ("StrictHostKeyChecking", "ForwardAgent", "Match"):
        assert any(word in note for note in chosen.notes), word
    assert not (tmp_path / "never").exists()
