"""Forms of texts that many schemas ask for, and the words in which a person is told of each."""

from __future__ import annotations

from collections.abc import Mapping

from runner.units import DURATION, SHARE, SIZE

ID = "^[a-z][a-z0-9_-]{0,63}$"
NAME = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
TIME = rf"^\s*(?=[0-9.]*[1-9])(?=.*[a-z])({DURATION.strip('^$')})\s*$"
NUMBER = "^[0-9]+$"
PART = "^(100|[1-9][0-9]?)%$"

WORDS: Mapping[str, str] = {
    ID: "small letters, digits, - and _, beginning with a letter, at most 64",
    NAME: "letters, digits and _, not beginning with a digit, at most 64",
    TIME: "a number of seconds, or a text such as 30s, 10m, 2h; more than 0, at most 99999d",
    DURATION: "a number of seconds, or a text such as 30s, 10m, 2h, at most 99999d",
    SIZE: "a number of bytes, or a text such as 500MB, 10GB, 1GiB",
    SHARE: "a share such as 20%",
    NUMBER: "a whole number",
    PART: "a number of hosts, or a share such as 25%",
}
"""By the regular expression."""
