from __future__ import annotations

import base64
import html
import json
import random
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.naming import LONGEST, found_text, kept_values
from runner.errors import InvalidInput
from runner.redact import Redactor, Secret, cut, mask

VALUE = "p@ss wörd/+'\"42"
SECRET = Secret("db_password", VALUE)
REDACTOR = Redactor([SECRET, Secret("token", "aaaaaaa")])


CUT = "…".encode()
PARTS = (VALUE.encode(), VALUE.encode()[:7])


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
        VALUE.replace("'", "'\"'\"'"),
        VALUE.replace("'", "''"),
        repr(VALUE)[1:-1],
        repr(f"x{json.dumps(VALUE)}"),
        "".join(c if c.isalnum() else f"\\{c}" for c in VALUE),
        html.escape(VALUE),
        json.dumps(VALUE + "&").replace("&", "\\u0026").replace("'", "\\u0027"),
        "\n".join(VALUE[at : at + 3] for at in range(0, len(VALUE), 3)),
        "\r\n".join(VALUE),
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


MANY = 'Pa"s+w\u00f6rd<1>\U0001f511\\n'


@pytest.mark.parametrize(
    "form",
    [
        "Pa\\u0022s\\u002Bw\\u00F6rd\\u003C1\\u003E\\uD83D\\uDD11\\\\n",  # .NET
        "Pa\\u0022s\\u002bw\\u00f6rd\\u003c1\\u003e\\ud83d\\udd11\\\\n",
        'Pa\\"s+w\\u00F6rd<1>\\uD83D\\uDD11\\\\n',  # Jackson
        'Pa\\"s+w\\u00f6rd<1>\\ud83d\\udd11\\\\n',  # Python
        'Pa\\"s+w\u00f6rd\\u003c1\\u003e\U0001f511\\\\n',  # Go
        'Pa\\"s+w\u00f6rd\\u003C1\\u003E\U0001f511\\\\n',  # Rails
        "".join(f"\\u{ord(c):04X}" for c in 'Pa"s+w\u00f6rd<1>') + "\\uD83D\\uDD11\\u005C\\u006E",
        "".join(f"\\x{byte:02X}" for byte in MANY.encode()),
        "".join(f"\\x{byte:02x}" for byte in MANY.encode()),
    ],
)
def test_json_of_every_library_is_found(form: str) -> None:
    redactor = Redactor([Secret("many", MANY)])
    assert redactor.text(f'{{"a": "{form}"}}').replace("\\", "") == '{"a": "[redacted:many]"}'


def test_base64_is_found_at_every_alignment_wrapped_or_not() -> None:
    draw = random.Random(7)
    for _ in range(500):
        around = draw.randbytes(draw.randrange(0, 90)) + VALUE.encode() + draw.randbytes(draw.randrange(0, 90))
        for encoded in (base64.b64encode(around), base64.urlsafe_b64encode(around), base64.encodebytes(around)):
            assert b"[redacted:db_password]" in _through([encoded])


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("length", range(6, 12))
@pytest.mark.parametrize("before", [b"", b"user:", b"us:"])
def test_base64_that_ends_with_the_secret_leaves_nothing_of_it(
    encode: Callable[[bytes], bytes], length: int, before: bytes
) -> None:
    value = "k?~ÿ>9xyz0q"[:length]
    redactor = Redactor([Secret("word", value)])
    for form in (encode(before + value.encode()), encode(before + value.encode()).rstrip(b"=")):
        clear = encode(before)[: (len(before) * 8 + 5) // 6].decode()
        shown = redactor.text(form.decode())
        assert shown.rstrip("=").endswith(mask("word"))
        assert len(shown.removesuffix("=").removesuffix("=")) == len(clear) + len(mask("word"))


@given(st.lists(st.sampled_from([*PARTS, b"aaaaaaa", b"aa", b"x", b"\n", b"\\", CUT]), max_size=12), st.integers(1, 7))
def test_however_the_stream_is_cut_the_result_is_that_of_the_whole(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert _through(chunks) == _through([whole])
    assert VALUE.encode() not in _through(chunks)


def test_overlapping_secrets_leave_no_tail() -> None:
    assert _through([b"a" * 1000]) == mask("token").encode()


@pytest.mark.parametrize("shown", [str, repr])
def test_a_text_that_is_cut_within_a_secret_shows_no_part_of_it(shown: Callable[[str], str]) -> None:
    for most in range(7, len(VALUE) + 8):
        text = REDACTOR.text(shown(cut(f"it is {VALUE} and more of it", most)))
        assert VALUE[:4] not in text, most


def test_what_a_record_keeps_of_a_result_is_cut_so() -> None:
    values = {"exit": 1, "stdout": " " * 70 + VALUE}
    assert VALUE[:4] not in REDACTOR.text(found_text(values))
    values = {"exit": 1, "stdout": " " * (LONGEST - 8) + VALUE}
    assert VALUE[:4] not in REDACTOR.value(kept_values(values))["stdout"]


def test_a_secret_of_other_bytes_than_text_and_one_of_backslashes_only() -> None:
    odd = Redactor([Secret("odd", b"\xff\xfe123456".decode("utf-8", "surrogateescape")), Secret("even", "\\" * 6)])
    stream = odd.stream()
    assert stream.feed(b"a\xff\xfe123456b \\\\\\\\\\\\ c") + stream.end() == b"a[redacted:odd]b [redacted:even] c"


def test_values_are_redacted_through_and_through() -> None:
    value = {"a": [VALUE, SECRET, 3], VALUE: {"b": f"x{VALUE}"}}
    assert VALUE not in json.dumps(REDACTOR.value(value), ensure_ascii=False)
    assert REDACTOR.value(SECRET) == mask("db_password")


def test_lines_come_whole_unless_they_are_long() -> None:
    stream = REDACTOR.stream()
    said = "a line\n" + "half of one, " * 20
    assert stream.feed(said.encode()) == b"a line\n"
    assert stream.feed(b"x" * 9000).startswith(b"half of one, ")


def test_a_secret_of_digits_is_taken_out_where_it_is_a_number() -> None:
    pin = Redactor([Secret("pin", "83746512")])
    found = {"a": [83746512, -83746512, 83746512.0, 837465120, 3.5, True]}
    assert pin.value(found) == {"a": ["[redacted:pin]"] * 3 + [837465120, 3.5, True]}


def test_what_is_made_of_a_secret_is_learnt_as_one() -> None:
    redactor = Redactor([Secret("word", "hunter-two")])
    redactor.learn(Secret("word", "HUNTER-TWO"))
    redactor.learn(Secret("word", "pre hunter-two"))
    redactor.learn(Secret("word", "hun"))
    assert redactor.text("HUNTER-TWO pre hunter-two hun") == "[redacted:word] pre [redacted:word] hun"


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidInput, match="5 characters"):
        Redactor([Secret("pin", "12345")])


def test_a_secret_never_shows_itself() -> None:
    assert VALUE not in f"{SECRET} {SECRET!r} {[SECRET]}"
