from __future__ import annotations

import base64
import json
import random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InvalidInput
from runner.redact import Redactor, Secret, mask

VALUE = "p@ss wörd/+'\"42"
SECRET = Secret("db_password", VALUE)
REDACTOR = Redactor([SECRET, Secret("token", "aaaaaaa")])


def _through(chunks: list[bytes]) -> bytes:
    stream = REDACTOR.stream()
    return b"".join(map(stream.feed, chunks)) + stream.end()


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        quote(VALUE, safe=""),
        quote(VALUE, safe="").lower(),
        quote_plus(VALUE),
        json.dumps(VALUE),
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
        "".join(f"\\u{ord(c):04x}" for c in VALUE),
        VALUE.replace("'", "'\\''"),
    ],
)
def test_every_form_of_a_secret_is_taken_out(form: str) -> None:
    if form == quote(VALUE, safe="").lower():
        form = "%".join(
            part[:2].lower() + part[2:] if number else part
            for number, part in enumerate(quote(VALUE, safe="").split("%"))
        )
    shown = _through([f"before {form} after".encode()]).decode()
    assert "[redacted:" in shown
    assert form not in shown
    assert shown.startswith("before ") and shown.endswith(" after")


def test_base64_is_found_at_every_alignment_wrapped_or_not() -> None:
    draw = random.Random(7)
    for _ in range(500):
        around = draw.randbytes(draw.randrange(0, 90)) + VALUE.encode() + draw.randbytes(draw.randrange(0, 90))
        for encoded in (base64.b64encode(around), base64.urlsafe_b64encode(around), base64.encodebytes(around)):
            assert b"[redacted:db_password]" in _through([encoded])


@given(st.lists(st.sampled_from([VALUE.encode(), b"aaaaaaa", b"aa", b"x", b"\n", VALUE.encode()[:7]]), max_size=12),
       st.integers(1, 7))  # fmt: skip
def test_however_the_stream_is_cut_the_result_is_that_of_the_whole(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert _through(chunks) == _through([whole])
    assert VALUE.encode() not in _through(chunks)


def test_overlapping_secrets_leave_no_tail() -> None:
    assert _through([b"a" * 1000]) == mask("token").encode()


def test_values_are_redacted_through_and_through() -> None:
    value = {"a": [VALUE, SECRET, 3], VALUE: {"b": f"x{VALUE}"}}
    assert VALUE not in json.dumps(REDACTOR.value(value), ensure_ascii=False)
    assert REDACTOR.value(SECRET) == mask("db_password")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidInput, match="5 characters"):
        Redactor([Secret("pin", "12345")])


def test_a_secret_never_shows_itself() -> None:
    assert VALUE not in f"{SECRET} {SECRET!r} {[SECRET]}"
