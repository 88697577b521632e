"""
What known_hosts files say of a host: trusted keys, authorities, revoked keys.

Read here and not by paramiko, whose reader gives up at a marker and accepts by default. The format is that of
sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: `[@marker] names type base64 [comment]`; names are patterns with * and ?,
negated by !, or one hashed name; a port other than 22 makes the name `[host]:port`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Literal

from runner.frozen import frozen
from runner.sshwire import CERT_SUFFIX, Malformed, certified

Marker = Literal["", "cert-authority", "revoked"]
_MARKERS: dict[str, Marker] = {"@cert-authority": "cert-authority", "@revoked": "revoked"}
_SKIPPED = dict.fromkeys(map(ord, "\r\v\f"))
"""What ssh skips within a key."""
_WORDS = re.compile(r"[^ \t]+")


def fingerprint(blob: bytes) -> str:
    """SHA256 as ssh-keygen writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def pattern(text: str) -> re.Pattern[str]:
    """A pattern of OpenSSH, where * and ? are all that is special; without regard to case."""
    return re.compile(translate(text.replace("[", "[[]")), re.IGNORECASE)


def host_name(host: str, port: int) -> str:
    """The name under which a host is kept: its own on port 22, else `[host]:port`."""
    return host if port == 22 else f"[{host}]:{port}"


@frozen
class Entry:
    """One line. `names` as written; `where` is `/path/known_hosts:12`."""

    names: str
    key_type: str
    blob: bytes
    where: str
    marker: Marker = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def plain(self) -> bool:
        """Is it about one name, that is written out?"""
        names, patterns = _names(self.names)
        return not patterns and len(names) == 1 and self.names[0] != "|"

    def matches(self, name: str) -> bool:
        """Is the line about this name? A negated pattern that matches wins over all others."""
        if self.names.startswith("|1|"):
            return _hashed(self.names, name.lower())
        plain, patterns = _names(self.names)
        found = name.lower() in plain
        for negated, part in patterns:
            if part.fullmatch(name):
                if negated:
                    return False
                found = True
        return found


@lru_cache(maxsize=4096)
def _names(names: str) -> tuple[frozenset[str], tuple[tuple[bool, re.Pattern[str]], ...]]:
    """Of a line: plain names in lower case, and patterns, each with whether it excludes."""
    plain: set[str] = set()
    patterns: list[tuple[bool, re.Pattern[str]]] = []
    for part in names.split(","):
        if part and part[0] != "!" and "*" not in part and "?" not in part:
            plain.add(part.lower())
        elif part.strip("!"):
            patterns.append((part[0] == "!", pattern(part.removeprefix("!"))))
    return frozenset(plain), tuple(patterns)


def _hashed(names: str, name: str) -> bool:
    """`|1|salt|hash`, an HMAC-SHA1 of the name; it hides names and proves nothing."""
    parts = names.split("|")
    if len(parts) != 4:
        return False
    try:
        salt, digest = base64.b64decode(parts[2], validate=True), base64.b64decode(parts[3], validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode("utf-8", "surrogateescape"), "sha1"), digest)


def text_of(path: Path) -> str:
    """A file's text with its line ends as they are, whatever bytes are in it. Raises OSError."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def lines(text: str) -> list[str]:
    """
    The lines as ssh has them, which end at a newline and nowhere else.

    Python would end one at a form feed, a lone carriage return and more: a comment could then hold a line of its own.
    """
    found = text.split("\n")
    return found if found[-1] else found[:-1]


def parse(text: str, file: str) -> tuple[Entry, ...]:
    """The entries of a file's text. Lines that say nothing are left out: comments, unknown markers, damaged keys."""
    entries = (_entry(line, f"{file}:{number}") for number, line in enumerate(lines(text), 1))
    return tuple(entry for entry in entries if entry is not None)


def _entry(line: str, where: str) -> Entry | None:
    # as in ssh: words are kept apart by blanks and tabs alone, and nothing counts behind a NUL
    words = _WORDS.findall(line.partition("\0")[0])
    marker: Marker = ""
    if words and words[0].startswith("@"):
        if words[0] not in _MARKERS:
            return None
        marker = _MARKERS[words.pop(0)]
    if len(words) < 3 or words[0].startswith("#"):
        return None
    names, key_type, text = words[:3]
    try:
        blob = base64.b64decode(text.translate(_SKIPPED), validate=True)
    except ValueError:
        return None
    # the type stands in the key once more; a line where the two differ is damaged
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != key_type.encode("utf-8", "surrogateescape"):
        return None
    if marker == "revoked" and key_type.endswith(CERT_SUFFIX):  # the key in it is meant, however it is shown
        try:
            blob = certified(blob)
        except Malformed:
            return None
    return Entry(names=names, key_type=key_type, blob=blob, where=where, marker=marker)


class Lines:
    """The entries of one file. Those that only say names are found by name: a fleet asks for each of its hosts."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._named: dict[str, list[int]] = {}
        self._others: list[int] = []
        for number, entry in enumerate(self._entries):
            names, patterns = _names(entry.names)
            if patterns or entry.names.startswith("|1|"):
                self._others.append(number)
            else:
                for name in names:
                    self._named.setdefault(name, []).append(number)

    def about(self, name: str) -> list[Entry]:
        """In the order of the file."""
        found = {number for number in self._others if self._entries[number].matches(name)}
        return [self._entries[number] for number in sorted(found.union(self._named.get(name.lower(), ())))]


class KnownHosts:
    """All entries of several files, in order; files that are not there are empty."""

    def __init__(self, files: Iterable[Lines]) -> None:
        self._files = tuple(files)

    @classmethod
    def read(cls, files: Sequence[str]) -> KnownHosts:
        """Raises OSError for a file that is there and cannot be read: it may hold a revocation."""
        found: list[Lines] = []
        for file in files:
            path = Path(file).expanduser()
            try:
                stat = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            found.append(_read(str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return cls(found)

    def about(self, host: str, port: int, *, alias: str | None = None) -> HostEntries:
        """
        What is known of a host. An alias is looked up as it is, without the port.

        As in OpenSSH, a key kept for the plain name vouches for it on another port too, where nothing is kept for
        that port; it never makes such a key a changed one.
        """
        name = alias or host_name(host, port)
        named = [entry for lines in self._files for entry in lines.about(name)]
        plain = [] if alias or port == 22 else [entry for lines in self._files for entry in lines.about(host)]
        keys = tuple(entry for entry in named if not entry.marker)
        return HostEntries(
            name=name,
            principal=alias or host,
            keys=keys,
            fallback=() if keys else tuple(entry for entry in plain if not entry.marker),
            authorities=tuple(entry for entry in (*named, *plain) if entry.marker == "cert-authority"),
            revoked=tuple(entry for entry in (*named, *plain) if entry.marker == "revoked"),
        )


@lru_cache(maxsize=64)
def _read(path: str, _mtime_ns: int, _size: int, _inode: int) -> Lines:
    """Fifty hosts share one file: it is read once, and again when it changed."""
    return Lines(parse(text_of(Path(path)), path))


@frozen
class HostEntries:
    """
    The entries about one host. `name` is what it is kept under, `principal` what its certificate must be for.

    `fallback` are keys kept for the plain name where none is kept for its port.
    """

    name: str
    principal: str
    keys: tuple[Entry, ...] = ()
    fallback: tuple[Entry, ...] = ()
    authorities: tuple[Entry, ...] = ()
    revoked: tuple[Entry, ...] = ()

    def trusting(self, blob: bytes) -> Entry | None:
        """The line that trusts exactly this key."""
        return next((entry for entry in (*self.keys, *self.fallback) if entry.blob == blob), None)

    def revoking(self, blob: bytes) -> Entry | None:
        return next((entry for entry in self.revoked if entry.blob == blob), None)

    def authority(self, blob: bytes) -> Entry | None:
        return next((entry for entry in self.authorities if entry.blob == blob), None)

    def preferred(self, algorithms: Sequence[str]) -> tuple[str, ...]:
        """
        Host key algorithms, those first that can be checked with what is known: certificates where there is an
        authority, then the types of known keys. Otherwise a host with several keys would seem to have changed.
        """
        known = {entry.key_type for entry in (*self.keys, *self.fallback)}
        plain = [name for name in algorithms if not name.endswith(CERT_SUFFIX)]
        certificates = [name for name in algorithms if name.endswith(CERT_SUFFIX)]
        first = [name for name in plain if name in known or ("ssh-rsa" in known and name.startswith("rsa-sha2-"))]
        rest = [name for name in plain if name not in first]
        return tuple([*certificates, *first, *rest] if self.authorities else [*first, *rest])
