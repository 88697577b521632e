"""Lines of known_hosts as people have them; the keys are made up, only their form matters."""

from __future__ import annotations

import base64
import hmac
import tempfile
import time
from pathlib import Path

import pytest

from runner.sshwire import CERT_SUFFIX, string
from runner.transport.known_hosts import KnownHosts, Lines, fingerprint, parse
from tests.users import ordinary_user


def key(seed: str, kind: str = "ssh-ed25519") -> bytes:
    body = seed.encode().ljust(32, b".")
    return b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), body))


def text(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def certificate_for(blob: bytes) -> bytes:
    """Its beginning, as far as the key in it goes."""
    return string(b"ssh-ed25519" + CERT_SUFFIX.encode()) + string(b"nonce") + blob[-36:]


ONE, TWO, RSA = key("one"), key("two"), key("three", "ssh-rsa")
ED = f"ssh-ed25519 {text(ONE)}"
SALT = bytes(range(20))


def hashed(name: str) -> str:
    return f"|1|{text(SALT)}|{text(hmac.digest(SALT, name.encode(), 'sha1'))}"


def known(*lines: str) -> KnownHosts:
    return KnownHosts([Lines(parse("\n".join(lines), "kh"))])


def test_lines_are_found_by_name_as_by_looking_at_each() -> None:
    names = ("web", "web,db", "*", "*,!web", hashed("web"), "DB", "web?", "[web]:2222,web1", hashed("db"), "web")
    entries = parse("\n".join(f"{name} {ED}" for name in names), "kh")
    lines = Lines(entries)
    for name in ("web", "db", "Web", "web1", "[web]:2222", "other"):
        assert lines.about(name) == [entry for entry in entries if entry.matches(name)]
    assert len(lines.about("web")) == 5


@pytest.mark.parametrize(
    ("line", "host", "port", "trusted"),
    [
        (f"web {ED}", "web", 22, True),
        (f"web {ED} a comment", "web", 22, True),
        (f"  web\t{ED}  ", "web", 22, True),
        (f"web {ED}", "WEB", 22, True),
        (f"web {ED}", "web2", 22, False),
        (f"web {ED}", "xweb", 22, False),
        (f"web,10.0.0.1 {ED}", "10.0.0.1", 22, True),
        (f"[web]:2222 {ED}", "web", 2222, True),
        (f"[web]:2222 {ED}", "web", 22, False),
        (f"[web]:2222 {ED}", "web", 2223, False),
        (f"web {ED}", "web", 2222, True),  # as OpenSSH: nothing is kept for that port
        (f"*.example.com {ED}", "db.example.com", 22, True),
        (f"*.example.com {ED}", "example.com", 22, False),
        (f"*.example.com {ED}", "db.example.com.evil", 22, False),
        (f"web? {ED}", "web1", 22, True),
        (f"web? {ED}", "web12", 22, False),
        (f"[*.example.com]:2222 {ED}", "db.example.com", 2222, True),
        (f"*.example.com,!db.example.com {ED}", "db.example.com", 22, False),
        (f"!db.example.com,*.example.com {ED}", "db.example.com", 22, False),
        (f"!db.example.com,*.example.com {ED}", "web.example.com", 22, True),
        (f"!web {ED}", "db", 22, False),
        (f"w[eb] {ED}", "we", 22, False),  # brackets are no character class
        (f"w.b {ED}", "web", 22, False),  # a dot is a dot
        (f"{hashed('web')} {ED}", "web", 22, True),
        (f"{hashed('web')} {ED}", "web2", 22, False),
        (f"{hashed('[web]:2222')} {ED}", "web", 2222, True),
        (f"|1|x|y {ED}", "web", 22, False),
        (f"|1|{text(SALT)} {ED}", "web", 22, False),
        (f"# web {ED}", "web", 22, False),
        (f"#web {ED}", "web", 22, False),
        ("", "web", 22, False),
        ("web", "web", 22, False),
        ("web ssh-ed25519", "web", 22, False),
        ("web ssh-ed25519 ???", "web", 22, False),
        (f"web ssh-rsa {text(ONE)}", "web", 22, False),  # the type must be the key's own
        (f"@revoked web {ED}", "web", 22, False),
        (f"@cert-authority web {ED}", "web", 22, False),
        (f"@unknown web {ED}", "web", 22, False),
        (f"{hashed('web')} {ED}", "WEB", 22, True),  # ssh asks for it in lower case
        *((f"# other{end}web {ED}", "web", 22, False) for end in "\x0b\x0c\x1c\x85\u2028\r"),  # no ends of lines
        (f"\x0cweb {ED}", "web", 22, False),
        (f"web\u00a0{ED}", "web", 22, False),
        (f"web {ED}\0x", "web", 22, True),
        (f"web {ED}\r", "web", 22, True),
        ("web ssh-ed25519 k\u00e9y", "web", 22, False),
        (f"|1|\u00e9|\u00e9 {ED}", "web", 22, False),
    ],
)
def test_one_line(line: str, host: str, port: int, trusted: bool) -> None:
    assert (known(line).about(host, port).trusting(ONE) is not None) is trusted


def test_revoked_wins_over_trusted_in_any_order_and_by_pattern() -> None:
    for lines in ((f"web {ED}", f"@revoked * {ED}"), (f"@revoked * {ED}", f"web {ED}")):
        about = known(*lines).about("web", 22)
        assert about.revoking(ONE) is not None
        assert about.revoking(TWO) is None


@pytest.mark.parametrize(
    "line", [f"{ED}\r", f"{ED}\x0b", f"{ED}\0x", f"ssh-ed25519{CERT_SUFFIX} {text(certificate_for(ONE))}"]
)
def test_what_is_revoked_is_found_as_ssh_finds_it(line: str) -> None:
    assert known(f"web {ED}", f"@revoked * {line}").about("web", 22).revoking(ONE) is not None


def test_a_key_kept_for_the_port_hides_those_of_the_plain_name() -> None:
    about = known(f"web ssh-ed25519 {text(TWO)}", f"[web]:2222 {ED}").about("web", 2222)
    assert about.trusting(ONE) is not None
    assert about.trusting(TWO) is None


def test_the_plain_name_never_makes_a_changed_key() -> None:
    about = known(f"web {ED}").about("web", 2222)
    assert about.keys == ()
    assert about.trusting(TWO) is None


def test_an_alias_is_looked_up_as_it_is() -> None:
    hosts = known(f"cluster {ED}", f"[web]:2222 ssh-ed25519 {text(TWO)}")
    about = hosts.about("web", 2222, alias="cluster")
    assert about.trusting(ONE) is not None and about.trusting(TWO) is None
    assert about.principal == "cluster"


def test_where_says_file_and_line(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(f"# comment\n\nweb {ED}\n")
    second.write_bytes(b"caf\xe9 ssh-ed25519 " + text(TWO).encode() + b"\r\nweb ssh-ed25519 " + text(TWO).encode())
    about = KnownHosts.read((str(first), str(tmp_path / "none"), str(second))).about("web", 22)
    assert [entry.where for entry in about.keys] == [f"{first}:3", f"{second}:2"]


def test_a_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("")
    assert KnownHosts.read((str(file),)).about("web", 22).trusting(ONE) is None
    file.write_text(f"web {ED}\n")
    assert KnownHosts.read((str(file),)).about("web", 22).trusting(ONE) is not None


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "known_hosts"
        file.write_text("")
        file.chmod(0)
        with ordinary_user(), pytest.raises(OSError, match="denied"):
            KnownHosts.read((str(file),))


ALGORITHMS = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256",
    "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com",
)  # fmt: skip


def test_algorithms_that_can_be_checked_come_first() -> None:
    assert known(f"web ssh-rsa {text(RSA)}").about("web", 22).preferred(ALGORITHMS) == (
        "rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256",
    )  # fmt: skip
    assert known().about("web", 22).preferred(ALGORITHMS) == ALGORITHMS[:4]
    assert known(f"@cert-authority * {ED}").about("web", 22).preferred(ALGORITHMS)[:2] == ALGORITHMS[4:]


def test_fingerprint_is_that_of_ssh_keygen() -> None:
    assert fingerprint(b"") == "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"


def test_a_pattern_of_many_stars_is_soon_done() -> None:
    begun = time.process_time()
    assert known(f"{'*h' * 40}x {ED}").about("h" * 60, 22).trusting(ONE) is None
    assert time.process_time() - begun < 20
