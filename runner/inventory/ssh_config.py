"""
What ~/.ssh/config says of a host, as far as rawat goes by it. Nothing that it names is ever run.

The first value found for a keyword counts, as for ssh. Of `Match` the names of hosts and users are gone by (`host`,
`originalhost`, `user`, `localuser`, `all`); a block that asks for more is left out, as are keywords that rawat does not
know. What is left out is noted where it would have applied.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from fnmatch import translate
from functools import lru_cache
from pathlib import Path

from runner.document.paths import expanded, in_home
from runner.errors import InvalidInput, Location, Problem
from runner.frozen import frozen
from runner.inventory.names import port_of

MAX_DEPTH = 16
_WILD = re.compile(r"[*?!]")
_KEYWORD = re.compile(r"([A-Za-z0-9]+)(?:[ \t\r]*=[ \t\r]*|[ \t\r]+|\Z)(.*)", re.DOTALL)
_PIECES = re.compile(r"""\\['"\\ ]|\\|['"]|[ \t]+|[^\\'" \t]+""")
"""An escape, a lone backslash, a quote, blanks, and what means itself."""
_READ = frozenset(
    {"hostname", "user", "port", "identityfile", "proxyjump", "userknownhostsfile", "hostkeyalias", "identitiesonly"}
)
_SEVERAL = frozenset({"userknownhostsfile"})
"""Of these the keywords that take more than one value in a line."""

YES = ("yes", "true")
_QUIET = frozenset(
    """
    addkeystoagent batchmode checkhostip compression connectionattempts connecttimeout controlmaster controlpath
    controlpersist escapechar exitonforwardfailure fingerprinthash forwardx11trusted gssapiauthentication
    gssapidelegatecredentials gssapikeyexchange hashknownhosts ignoreunknown kbdinteractiveauthentication loglevel
    numberofpasswordprompts passwordauthentication preferredauthentications pubkeyauthentication requesttty sendenv
    serveralivecountmax serveraliveinterval setenv streamlocalbindunlink tag tcpkeepalive updatehostkeys usekeychain
    visualhostkey
    """.split()  # noqa: SIM905 - as words they can be read
)
"""Keywords that change nothing about which machine is reached, as whom, and how it is known."""

_WHY = {
    "proxycommand": "ProxyCommand would run a local command; name the jump host with ProxyJump",
    "stricthostkeychecking": "StrictHostKeyChecking is not heeded; host keys are always checked",
    "forwardagent": "ForwardAgent is not heeded; an agent is never forwarded",
}
_SAFE_VALUES = {
    "stricthostkeychecking": ("yes", "ask"),
    "forwardagent": ("no",),
    "forwardx11": ("no",),
    "permitlocalcommand": ("no",),
}


_CRITERIA = ("host", "originalhost", "user", "localuser")
"""What a Match may ask for and can be answered from here: each with patterns, a comma between them."""
_ALONE = frozenset({"canonical", "final"})
"""What stands in a Match without patterns, besides `all`; both are of a second reading, which rawat does not do."""


@frozen
class _Block:
    """
    A Host or Match line: (what is asked, patterns, whether they are not to match), all of which must hold.

    `where` tells blocks apart: whether one applies is decided once, with the values that were found above it.
    """

    where: str
    asks: tuple[tuple[str, tuple[str, ...], bool], ...]


@frozen
class _Line:
    """A keyword with its words, and every block around it; `note` where it is left out."""

    keyword: str
    words: tuple[str, ...]
    where: str
    blocks: tuple[_Block, ...]
    note: str = ""


@lru_cache(maxsize=10_000)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str, str], bool]:
    """Whether a Host line means a host by either of two names; a negated pattern that does keeps the line out."""
    plain = frozenset(word for word in patterns if not _WILD.search(word))
    globs = _any_of(word for word in patterns if _WILD.search(word) and not word.startswith("!"))
    negated = _any_of(word[1:] for word in patterns if word.startswith("!"))

    def matches(name: str, other: str) -> bool:
        if name in plain or other in plain or (globs and (globs.match(name) or globs.match(other))):
            return not (negated and (negated.match(name) or negated.match(other)))
        return False

    return matches


def _any_of(words: Iterable[str]) -> re.Pattern[str] | None:
    found = [translate(word.replace("[", "[[]")) for word in words]  # brackets are no character class for ssh
    return re.compile("|".join(found)) if found else None


@frozen
class Found:
    """What holds for one host: text by keyword in lower case, and where each stands (`~/.ssh/config:12`)."""

    values: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    known_hosts: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class SshConfig:
    """
    ssh_config files with what they include, the strongest first; one that is not there is an empty one.

    Raises InvalidInput where others may write to the file, as ssh itself refuses then, or where it cannot be read.
    """

    def __init__(self, *paths: Path, home: Path | None = None, user: str = "") -> None:
        self._home = home or in_home("~") or Path("/")
        self._user = user or _local_user()
        found = [path for path in map(self._expand, map(str, paths)) if _there(path)]
        self._lines = tuple(line for path in found for line in self._read(path, path.parent, (), 0))
        self._blocks: list[list[_Line]] = []
        self._named: dict[str, list[int]] = {}
        self._others: list[int] = []
        self._arrange()

    def aliases(self) -> tuple[str, ...]:
        """The names that stand under `Host` without a wildcard."""
        words = (word for line in self._lines if line.keyword == "host" for word in line.words)
        names = (word for word in words if not _WILD.search(word))
        return tuple(dict.fromkeys(names))

    def lookup(self, name: str, *, address: str = "", user: str = "", port: int | None = None) -> Found:
        """
        What holds for a host by its name; where the inventory gives an address, blocks for that apply too.

        `address`, `user` and `port` of the inventory are stronger than the file's, also in tokens such as `%h`.
        """
        values: dict[str, str] = {}
        origins: dict[str, str] = {}
        files: list[str] = []
        notes: list[str] = []

        def now() -> Mapping[str, tuple[str, str]]:
            """What the patterns of a block are held against; of two names either will do."""
            host = self._tokens(name, values, address=address, user=user, port=port)["h"]
            return {
                "originalhost": (name, address or name),
                "host": (host, host),
                "user": (user or values.get("user", self._user),) * 2,
                "localuser": (self._user, self._user),
            }

        for line in self._applying(name, address or name, now):
            key = "proxyjump" if line.keyword == "proxycommand" and not line.note else line.keyword
            if line.note:
                notes.append(f"{line.where}: {line.note}")
            elif key == "identityfile":
                files.append(line.words[0])
                origins.setdefault(key, line.where)
            elif key not in values:
                values[key] = line.words[0] if key != "userknownhostsfile" else "\0".join(line.words)
                origins[key] = line.where
        tokens = self._tokens(name, values, address=address, user=user, port=port)
        if "hostname" in values and not address:
            values["hostname"] = tokens["h"]
        listed = values.pop("userknownhostsfile", "")
        return Found(
            values=values,
            files=tuple(self._path(file, tokens) for file in files if file.lower() != "none"),
            known_hosts=tuple(self._path(file, tokens) for file in listed.split("\0") if file),
            origins=origins,
            notes=tuple(dict.fromkeys(notes)),
        )

    def _applying(self, name: str, other: str, now: Callable[[], Mapping[str, tuple[str, str]]]) -> Iterator[_Line]:
        """The lines that hold for a host, in their order; `now` is asked where a block begins."""
        decided: dict[str, bool] = {}
        for number in sorted({*self._others, *self._named.get(name, ()), *self._named.get(other, ())}):
            lines = self._blocks[number]
            for block in lines[0].blocks:
                if block.where not in decided:
                    subjects = now()
                    decided[block.where] = all(
                        _matcher(patterns)(*subjects[what]) is not negated for what, patterns, negated in block.asks
                    )
                if not decided[block.where]:
                    break
            else:
                yield from (line for line in lines if line.keyword != "host")

    def _arrange(self) -> None:
        """Lines by their blocks, and blocks by the names they are for: each host of a fleet has one of its own."""
        blocks: tuple[_Block, ...] | None = None
        for line in self._lines:
            if line.blocks is blocks:
                self._blocks[-1].append(line)
                continue
            blocks = line.blocks
            words = _names_of(blocks[-1]) if blocks else ("*",)
            if any(_WILD.search(word) for word in words):
                self._others.append(len(self._blocks))
            else:
                for word in words:
                    self._named.setdefault(word, []).append(len(self._blocks))
            self._blocks.append([line])

    def _tokens(
        self, name: str, values: dict[str, str], *, address: str, user: str, port: int | None
    ) -> dict[str, str]:
        host = address or _replace(values.get("hostname", name), {"h": name, "n": name})
        return {
            "h": host, "n": name, "p": str(port or values.get("port", 22)), "r": user or values.get("user", self._user),
            "u": self._user, "d": str(self._home), "k": values.get("hostkeyalias", name),
        }  # fmt: skip

    def _path(self, text: str, tokens: dict[str, str]) -> str:
        return str(self._expand(_replace(text, tokens)))

    def _expand(self, text: str) -> Path:
        return self._home / text[2:] if text.startswith("~/") else expanded(text)

    def _short(self, path: Path) -> str:
        return f"~/{path.relative_to(self._home)}" if path.is_relative_to(self._home) else str(path)

    def _read(self, path: Path, base: Path, outer: tuple[_Block, ...], depth: int) -> Iterator[_Line]:
        shown = self._short(path)
        if depth > MAX_DEPTH:
            raise InvalidInput(f"{shown}: Include is nested deeper than {MAX_DEPTH} files")
        blocks = outer
        skipped = ""
        for number, text in enumerate(_text(path, shown).split("\n"), start=1):
            where = f"{shown}:{number}"
            keyword, words = _parse(text, where)
            if not keyword:
                continue
            if keyword == "host":
                blocks, skipped = (*outer, _Block(where=where, asks=(("originalhost", words, False),))), ""
                yield _Line(keyword=keyword, words=words, where=where, blocks=blocks)
            elif keyword == "match":
                asks, others = _asked(words, where, text)
                blocks, skipped = (*outer, _Block(where=where, asks=asks)), ", ".join(others)
                if skipped:
                    note = f"the block under 'Match {' '.join(words)}' is ignored: rawat cannot tell '{skipped}'"
                    yield _Line(keyword=keyword, words=words, where=where, blocks=blocks, note=note)
            elif skipped:
                continue
            elif keyword == "include":
                for word in words:
                    for found in self._included(word, base, where):
                        yield from self._read(found, base, blocks, depth + 1)
            else:
                note = left_out(keyword, words)
                if note or keyword in _READ or keyword == "proxycommand":
                    yield _Line(keyword=keyword, words=words, where=where, blocks=blocks, note=note)

    def _included(self, word: str, base: Path, where: str) -> list[Path]:
        """The files of an Include, in the order of their names; a relative one is beside the first file, as for ssh."""
        if "\0" in word:
            return []
        try:
            path = base / self._expand(word)
        except InvalidInput as error:
            raise InvalidInput(f"{where}: {error.message}") from error
        found = glob.glob(str(path))  # noqa: PTH207 - Path.glob takes no absolute pattern
        return [Path(name) for name in sorted(found) if _there(Path(name))]


def _local_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _there(path: Path) -> bool:
    """Whether there is a file; also where nobody lets us know, so that it is not passed over."""
    try:
        return path.is_file()
    except OSError:
        return True


def _text(path: Path, shown: str) -> str:
    try:
        facts = path.stat()
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise InvalidInput(f"{shown}: cannot be read: {error.strerror or error}") from error
    if facts.st_mode & 0o022 or facts.st_uid not in (0, os.getuid()):
        raise InvalidInput(
            f"{shown}: others than you may write to this file, so it is not gone by", hint=f"chmod go-w {shown}"
        )
    return text


def _parse(text: str, where: str) -> tuple[str, tuple[str, ...]]:
    """Keyword in lower case and words of a line; an empty keyword for an empty line or a comment."""
    line = text.partition("\0")[0].rstrip(" \t\r\f").lstrip(" \t\r")
    if not line or line.startswith("#"):
        return "", ()
    found = _KEYWORD.match(line)
    words = _words(found[2]) if found else None
    message = ""
    if found is None:
        message = "not a line of ssh_config"
    elif words is None:
        message = "a quote is not closed"
    elif not words or not words[0]:
        message = f"'{found[1]}' has no value"
    elif found[1].lower() in _READ - _SEVERAL and len(words) > 1:
        message = f"'{found[1]}' has one value, and here are {len(words)}"
    if found is None or words is None or message:
        raise _bad_line(where, text, message)
    return found[1].lower(), tuple(words)


def _asked(
    words: tuple[str, ...], where: str, text: str
) -> tuple[tuple[tuple[str, tuple[str, ...], bool], ...], list[str]]:
    """What a Match line asks for that can be told, and what cannot. Raises InvalidInput where ssh would."""
    asks: list[tuple[str, tuple[str, ...], bool]] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, given = word.partition("=")
        what = name.lower().removeprefix("!")
        if what == "all" and word == words[-1] and {other.lower() for other in words[:-1]} <= _ALONE:
            continue
        if what in _ALONE:
            others.append(what)
            continue
        patterns = given if equals else next(rest, "")
        if not patterns or what == "all":
            raise _bad_line(where, text, f"'{word}' of this Match " + _FAULT[what == "all"])
        if what in _CRITERIA:
            asks.append((what, tuple(patterns.split(",")), name.startswith("!")))
        else:
            others.append(what)
    return tuple(asks), others


_FAULT = {False: "has no value", True: "stands alone"}


def _names_of(block: _Block) -> tuple[str, ...]:
    """The names that a block is for where these are all that it asks for."""
    asked = block.asks[0] if len(block.asks) == 1 else ("", ("*",), False)
    return asked[1] if asked[0] == "originalhost" and not asked[2] else ("*",)


def _bad_line(where: str, text: str, message: str) -> InvalidInput:
    file, _, number = where.rpartition(":")
    at = Location(file=file, line=int(number), column=1)
    return InvalidInput(problems=(Problem(message=message, where=at, line=text),))


def _words(text: str) -> list[str] | None:
    """
    The values of a line as ssh takes them apart; None where a quote is not closed.

    Either quote holds blanks together, anywhere in a word; a backslash counts before quotes, itself and a blank
    outside of quotes; what begins with # is a comment.
    """
    words: list[str] = []
    word: str | None = None
    quote = ""
    for piece in _PIECES.findall(text):
        blank = not piece.strip(" \t")
        if word is None and not blank and piece[0] == "#":
            break
        if blank and not quote:
            words += [word] if word is not None else []
            word = None
        elif piece in ("'", '"') and quote in ("", piece):
            quote, word = "" if quote else piece, word or ""
        else:
            escaped = piece[0] == "\\" and len(piece) == 2 and (piece[1] != " " or not quote)
            word = (word or "") + (piece[1] if escaped else piece)
    if quote:
        return None
    return [*words, word] if word is not None else words


def left_out(keyword: str, words: tuple[str, ...]) -> str:
    """Why a line is not gone by; an empty text for one that is, or that changes nothing here."""
    value = words[0]
    if keyword in _QUIET or value.lower() in _SAFE_VALUES.get(keyword, ()):
        return ""
    if keyword == "proxycommand":
        return "" if value.lower() == "none" else f"ignored: {_WHY[keyword]}"
    if keyword == "userknownhostsfile" and any(word in ("/dev/null", "none") for word in words):
        return f"ignored: UserKnownHostsFile {value} would forget the host keys; they are always checked"
    if keyword in ("identityfile", "userknownhostsfile") and any(_unknown_token(word) for word in words):
        return f"ignored: '{' '.join(words)}' has a token that rawat does not know"
    if keyword in ("identityfile", "userknownhostsfile"):
        for word in words:
            try:
                expanded(word)
            except InvalidInput as error:
                return f"ignored: {error.message}"
    if keyword == "hostname" and re.sub(r"%[hn%]", "", value).count("%"):
        return f"ignored: '{value}' has a token that rawat does not know"
    if keyword == "identitiesonly" and value.lower() not in (*YES, "no", "false"):
        return f"ignored: '{value}' is neither yes nor no"
    if keyword == "port" and port_of(value) is None:
        return f"ignored: '{value}' is not a port"
    if keyword in _READ:
        return ""
    return f"ignored: {_WHY.get(keyword, f'rawat does not read {keyword}')}"


def _unknown_token(word: str) -> bool:
    return "${" in word or "%" in re.sub(r"%[hnprudk%]", "", word)


def _replace(text: str, tokens: dict[str, str]) -> str:
    return re.sub(r"%(.)", lambda match: tokens.get(match[1], "%" if match[1] == "%" else match[0]), text)
