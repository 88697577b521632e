"""What each report says of a good and of a bad night."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import junitparser
import pytest

from runner.app.report import BUILT_IN, REPORTERS, format_of
from runner.record import RunRecord
from runner.report.html import Html
from runner.report.junit import Junit
from runner.report.language import language
from runner.report.language_verdict import sentences
from runner.report.markdown import LIMIT, Markdown, code, prose
from runner.report.svg import MOST_ROWS, timeline, whole
from runner.report.table import COLUMNS, Csv
from runner.report.text import summary
from tests.unit.report.samples import (
    RUN,
    SUMS,
    Night,
    alike_night,
    at,
    bad_night,
    ended_by_a_person,
    good_night,
    many,
    reading,
    resumed_night,
)
from tests.unit.report.test_hostile import Page


def page_text(record: RunRecord, lang: str = "en", **how: bool) -> str:
    return " ".join(" ".join(Page(Html().write(record, reading(lang, **how))).text).split())


def headline(record: RunRecord, lang: str = "en", **how: bool) -> str:
    return sentences(record, reading(lang, **how), language(lang)).headline


@pytest.mark.parametrize("form", sorted(BUILT_IN))
def test_every_reporter_is_found_by_name_and_pure(form: str) -> None:
    reporter = REPORTERS.get(form)()
    assert reporter.name == form
    assert reporter.write(bad_night(), reading()) == reporter.write(bad_night(), reading())


def test_the_verdict_says_what_was_proven_and_no_more() -> None:
    good = good_night()
    assert headline(good) == "Backed up and restored: 3 of 3 hosts."
    assert headline(good, "id") == "Pencadangan dan pemulihan berhasil: 3 dari 3 host."
    assert headline(replace(good, kind="patching")) == "Done: every step succeeded on 3 of 3 hosts."
    untested = {
        name: replace(host, steps={key: step for key, step in host.steps.items() if key != "restore"})
        for name, host in good.hosts.items()
    }
    assert "was not shown" in headline(replace(good, hosts=untested))
    assert headline(bad_night()) == "In doubt: nobody can say whether 1 step took effect."
    assert headline(many(120)) == "Failed on 2 of 120 hosts."
    assert headline(replace(good, sealed=False)) == "Not finished: the run was cut off before its end."
    assert headline(good, running=True).startswith("Under way")
    assert headline(replace(good, exit_code=130, stopped_by="SIGINT")) == "Stopped before its end (SIGINT)."
    assert headline(replace(good, exit_code=8)).startswith("Refused")


def test_an_open_item_is_no_success_in_green() -> None:
    good = good_night()
    assert sentences(good, reading(), language("en")).tone == "good"
    said = sentences(replace(good, acts=()), reading(), language("en"))
    assert said.tone == "open"
    assert "The checklist is not complete: 8 of 9; open: Customer service knows the window." in said.more


def test_the_page_tells_who_what_why_when_with_proofs() -> None:
    text = page_text(good_night())
    for said in (
        "Monthly proof that backups can be restored", "Ticket CHG-1042", "alice", "named by sudo",
        "21 Nov 2026, 23:00:00 WIB", "2026-11-21 16:00:00 UTC", "3 hosts: db1, db2, db3", RUN,
        "step restore on db1", "a person's word", "“told the desk at 22:40”", "1.9 GB (1,904,221,184 bytes)",
        "163,220", "restored and checked", "SHA256:DyVNRgVp", "trusted by known_hosts:12", "by way of bastion",
        "debian 12", "kernel 6.1.0-28-amd64", "pg_dump --format=custom",
    ):  # fmt: skip
        assert said in text, said


def test_what_failed_alike_on_many_hosts_is_told_once_with_their_names() -> None:
    """In each report by the same rule: the first host at length, the others by name, and another failure not hidden."""
    record = alike_night(25)
    assert summary(record).count("failed at") == 3
    written = Markdown().write(record, reading())
    assert re.findall(r"^### `(\w+)`", written, re.MULTILINE) == ["h25", "h3", "h1"]
    assert (
        "\nAlike, but for names and numbers, on 21 more hosts: `h4`, `h5`, " in written
        and "`h23` and 1 more\n" in written
    )
    assert "\nThe same on 1 more host: `h2`\n" in written
    html = Html().write(record, reading())
    assert html.count('<article class="failure') == 3
    page = page_text(record)
    assert "Alike, but for names and numbers, on 21 more hosts: h4 , h5 , " in page and "h23 and 1 more" in page
    assert "The same on 1 more host: h2 " in page and '<a href="#h2">h2</a>' in html
    assert "h3 and 21 more hosts stopped at “Back up”: h3: pid 33 holds it" in page
    assert "Serupa, kecuali nama dan angka, di 21 host lain: h4 " in page_text(record, "id")
    night = Night(("a", "b"), items=()).begin()
    for host, took in (("a", 2.5), ("b", 3)):
        killed, problem = {"cancelled_s": took, "killed": "proven"}, f"cancelled after {took} s, killed: proven"
        night.work(host, 1, start=700, until="dump", outcome="failed", problem=problem, exit=killed)
    assert Markdown().write(night.end(130, stopped_by="SIGINT"), reading()).count("### `") == 1


def test_the_page_tells_what_went_wrong_and_what_was_left_out() -> None:
    text = page_text(bad_night())
    for said in (
        "db3 at test/restore ? in doubt", "No space left on device", "db4 was not worked on: no answer within 10 s",
        "Done before: identify/reason, analyse/room, plan/intent", "Host db9", "in maintenance hold",
        "Host db6 never started", "skipped on 1 host: db5", "step left out elsewhere Reason: asked by the owner",
        "Refused by backup", "bob yes", "index: database is locked", "Attempt 2", "Stopped after batch 1",
    ):  # fmt: skip
        assert said in text, said


def test_a_phase_that_was_broken_off_says_because_of_which_host() -> None:
    """By its step where one failed or is in doubt, else by the name of the host that never got there."""
    record = bad_night(hosts=("db1", "db2", "db3", "db4", "<b>5</b>", "db6"))
    text = page_text(record)
    assert "Implement step dump on db2 failed not to its end on db4, <b>5</b>, db6 step dump on db1" in text
    assert "Test step restore on db3 in doubt not to its end on db2, db4, <b>5</b>, db6 step restore on db1" in text
    assert "Monitor not to its end on db2, db3, db4, <b>5</b>, db6 step healthy on db1" in text
    indonesian = page_text(record, "id")
    assert "tidak sampai selesai pada db2, db3, db4, <b>5</b>, db6" in indonesian
    assert "not to its end" not in indonesian and "nobody knows how" not in indonesian
    assert "not to its end" not in page_text(good_night())


def test_how_to_verify_goes_with_what_there_is() -> None:
    signed = page_text(good_night(), signed=True)
    assert "-I alice@example.com -n rawat-run@v1 -s SHA256SUMS.sig < SHA256SUMS" in signed
    assert "sha256sum -c --strict SHA256SUMS" in signed and SUMS in signed
    assert "The record is sealed and signed by alice@example.com." in signed
    assert "not signed" not in signed
    unsigned = page_text(good_night())
    assert "This record is not signed." in unsigned and "ssh-keygen" not in unsigned
    assert f"rawat verify {RUN}" in unsigned
    assert "No place outside was told of this run" in signed
    anchored = replace(reading(signed=True), anchor={"kind": "git", "where": "<b>/srv/x", "at": at(900_000)})
    text = Html().write(good_night(), anchored)
    assert "was told to a place outside (git: &lt;b&gt;/srv/x) on" in text
    unsealed = page_text(replace(good_night(), sealed=False), sealed=False)
    assert "The record is not sealed" in unsealed and "sha256sum" not in unsealed


def test_the_page_in_indonesian_has_no_english_of_its_own() -> None:
    text = page_text(good_night(), "id")
    for word in ("Daftar periksa", "Durasi", "Bukti pencadangan dan pemulihan", "9 mnt 5", "20 Nov", "pernyataan"):
        assert word in text or word == "20 Nov"
    for word in ("Checklist", "Duration", "Where the time went", "succeeded", "Hosts "):
        assert word not in text, word


def test_parts_of_the_time_add_up_to_the_run() -> None:
    record = good_night()
    bars = whole(record.time, tuple(record.time))
    assert sum(bar.took_ms for bar in bars) == record.took_ms
    assert abs(sum(bar.width for bar in bars) - 100) < 0.1


def test_the_timeline_stays_inside_and_shows_waiting_apart() -> None:
    drawn = timeline(bad_night())
    assert [row.name for row in drawn.rows] == ["db1", "db2", "db3", "db4", "db5", "db6"]
    for row in drawn.rows:
        for bar in (*row.bars, *row.waits):
            assert bar.x >= 0 and bar.x + bar.width <= 100.001
    rows = {row.name: row for row in drawn.rows}
    assert [bar.of for bar in rows["db5"].waits] == ["throttled", "retry"]
    assert [bar.of for bar in rows["db1"].waits] == ["throttled", "watch"]
    assert rows["db2"].fault is not None and rows["db1"].fault is None
    assert rows["db6"].bars == ()
    assert 3 <= len(drawn.ticks) <= 8


def test_many_hosts_are_grouped_and_failures_are_not() -> None:
    drawn = timeline(many(120))
    assert len(drawn.rows) <= MOST_ROWS
    alone = [row.name for row in drawn.rows if not row.hosts]
    assert alone == ["web004", "web018"]
    assert sum(len(row.hosts) or 1 for row in drawn.rows) == 120
    assert len(timeline(many(40)).rows) == 40


def test_an_empty_record_can_be_told() -> None:
    for record in (RunRecord(run=RUN), Night(("a",)).begin().record()):
        for form in BUILT_IN:
            assert REPORTERS.get(form)().write(record, reading(sealed=False))


def cases(xml: str) -> Mapping[tuple[str, str], ElementTree.Element]:
    root = ElementTree.fromstring(xml)
    return {(s.get("name", ""), c.get("name", "")): c for s in root.findall("testsuite") for c in s.findall("testcase")}


def test_junit_read_by_the_standard_library() -> None:
    found = cases(Junit().write(bad_night(), reading()))
    assert found["db1", "dump"].find("failure") is None and found["db1", "dump"].get("time") == "110.000"
    failure = found["db2", "dump"].find("failure")
    assert failure is not None and "No space left" in (failure.text or "")
    error = found["db3", "restore"].find("error")
    assert error is not None and error.get("type") == "in-doubt"
    unreachable = found["db4", "connect"].find("error")
    assert unreachable is not None and unreachable.get("type") == "Unreachable"
    skipped = found["db5", "reason"].find("skipped")
    assert skipped is not None and skipped.get("message") == "size.bytes > 0 is false"
    assert found["checklist", "informed"].find("failure") is None
    missing = found["checklist", "restore-proven"].find("failure")
    assert missing is not None
    assert found["checklist", "elsewhere"].find("skipped") is not None


def test_junit_read_by_junitparser() -> None:
    read = junitparser.JUnitXml.fromstring(Junit().write(bad_night(), reading()).encode())
    suites = {suite.name: suite for suite in read}
    assert list(suites) == ["db1", "db2", "db3", "db4", "db5", "db6", "checklist"]
    assert (suites["db2"].failures, suites["db3"].errors, suites["db5"].skipped) == (1, 1, 1)
    by_name = {case.name: case for case in suites["db3"]}
    assert isinstance(by_name["restore"].result[0], junitparser.Error)
    assert read.tests == sum(suite.tests for suite in suites.values())
    assert read.errors == 2


def test_an_open_item_is_a_failure_in_junit_as_it_is_in_the_exit_code() -> None:
    found = cases(Junit().write(replace(good_night(), acts=()), reading()))
    failure = found["checklist", "informed"].find("failure")
    assert failure is not None and failure.get("type") == "open"


def test_what_a_person_ended_is_called_stopped_and_not_failed() -> None:
    record = ended_by_a_person()
    found = cases(Junit().write(record, reading()))
    for host, step in (("a", "work"), ("b", "work"), ("d", "watch")):
        error = found[host, step].find("error")
        assert error is not None and error.get("type") == "cancelled"
    assert found["c", "work"].find("failure") is not None
    broken_off = found["checklist", "test"].find("failure")
    assert broken_off is not None and broken_off.get("type") == "open"
    written = Markdown().write(record, reading())
    assert "### `a`: `implement/work` stopped\n" in written and "### `c`: `implement/work` failed\n" in written
    assert "| ○ | Test | open |" in written
    page = page_text(record)
    assert page.count("a at implement/work ■ stopped") == 1 and page.count("c at implement/work ✗ failed") == 1
    assert "step watch on d stopped" in page and "step work on a stopped" in page and "step work on c failed" in page
    assert "a ■ stopped 1 step" in page and "c ✗ failed 1 step" in page
    assert headline(replace(record, exit_code=1, stopped_by="")) == "Failed on 1 of 4 hosts."


def test_csv_has_a_row_for_each_attempt_and_numbers_stay_numbers() -> None:
    written = Csv().write(bad_night(), reading())
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert tuple(rows[0]) == COLUMNS
    tries = [row for row in rows if (row["host"], row["step"]) == ("db5", "room")]
    assert [(row["attempt"], row["outcome"], row["took_ms"]) for row in tries] == [
        ("1", "failed", "4800"), ("2", "ok", "1000"),
    ]  # fmt: skip
    assert [row["problem"] for row in rows if row["host"] == "db4"] == ["no answer within 10 s"]
    assert [row["exit_code"] for row in rows if (row["host"], row["step"]) == ("db2", "dump")] == ["1"]
    assert ",4800," in written and '"4800"' not in written
    (skipped,) = [row for row in rows if row["skipped_because"]]
    assert (skipped["step"], skipped["attempt"]) == ("reason", "")


def test_markdown_can_be_found_again_and_tells_the_newest_failure_first() -> None:
    written = Markdown().write(bad_night(), reading())
    assert written.splitlines()[0] == f"<!-- rawat:run:{RUN} -->"
    assert 0 < written.index("### `db3`") < written.index("### `db2`") < written.index("### `db4`")
    assert "db2 | exit 1: pg_dump: error" in written
    assert "| ✓ | Customer service knows the window | done, says `alice` |" in written
    long = Markdown().write(bad_night(text="x" * 50_000, tail="y\n" * 20), reading())
    assert len(long) <= LIMIT + 100


def test_words_in_markdown_are_plain_or_code() -> None:
    assert prose("Back up PostgreSQL and prove the restore") == "Back up PostgreSQL and prove the restore"
    assert prose("see @team") == "`see @team`"
    assert prose("see www.example.com") == "`see www.example.com`"
    assert code("a`b") == "``a`b``"
    assert code("") == "` `"
    assert code("a|b") == "`a\\|b`"


def test_json_is_the_record() -> None:
    said = json.loads(REPORTERS.get("json")().write(good_night(), reading()))
    assert said["schema"] == "rawat-record@1" and said["run"] == RUN and said["running"] is False


def test_the_legend_keeps_the_order_of_the_phases_though_the_first_host_left_one_out() -> None:
    night = Night(("a", "b")).begin()
    for host in night.hosts:
        night.connect(host)
        night.work(host, 1, start=700)
    good = night.end(0)
    less = {name: step for name, step in good.hosts["a"].steps.items() if step.phase != "test"}
    record = replace(good, hosts={"a": replace(good.hosts["a"], steps=less), "b": good.hosts["b"]})
    assert timeline(record).phases == ("identify", "analyse", "plan", "implement", "test", "document", "monitor")


def test_the_page_names_settings_and_what_they_loosen_in_words_and_utc_once() -> None:
    tool = {"rawat": "0.1.0", "settings": "/srv/rawat.yml", "settings_sha256": SUMS, "weakened": ["policy.x: allow"]}
    record = replace(good_night(), tool=tool)
    text = page_text(record)
    assert f"Settings /srv/rawat.yml {SUMS} Rules that were loosened policy.x: allow" in text
    assert "weakened" not in text and "['" not in text
    page = Html().write(record, replace(reading(), zone=ZoneInfo("UTC")))
    assert "2026-11-21 16:00:00 UTC" not in page and "21 Nov 2026, 16:00:00 UTC" in page


def test_the_page_says_that_an_output_is_no_text() -> None:
    night = Night(("a",), steps=(("implement", "work", "command", "Work", 10),)).begin()
    output = {"file": "out/a/work.1.log", "stdout_bytes": 3, "stderr_bytes": 0, "sha256": SUMS, "encoding": "binary"}
    night.work("a", 1, start=10, until="work", outcome="failed", output=output)
    assert "3 bytes of output · not all of it is text · out/a/work.1.log" in page_text(night.end(1))
    assert "tidak semuanya teks" in page_text(night.record(), "id")


def test_each_sitting_of_a_run_that_was_gone_on_with_is_told_and_of_one_alone_nothing() -> None:
    text = page_text(resumed_night())
    for said in (
        "Why Monthly proof that backups can be restored Ticket CHG-1042", "Who alice", "Each sitting",
        "Sitting 1 stopped (SIGINT) · 4 min 57 s in all", "Not begun: db2", "Reason: the window is open again",
        "Sitting 2 succeeded · 4 min 57 s in all", "system user bob from the machine runner-02", "1 host: db2",
        "What was left out: healthy (--skip)", "resumed with another plan: a1 -> b2",
    ):  # fmt: skip
        assert said in text, said
    assert "Setiap sesi Sesi 1 dihentikan (SIGINT)" in page_text(resumed_night(), "id")
    written = Markdown().write(resumed_night(), reading())
    assert (
        "### Each sitting\n\n1. 21 Nov 2026, 23:00:00 WIB — alice — stopped (SIGINT), 4 min 57 s — Monthly" in written
    )
    assert "\n2. 21 Nov 2026, 23:00:00 WIB — bob — succeeded, 4 min 57 s — the window is open again\n" in written
    assert "Each sitting" not in page_text(good_night()) + Markdown().write(good_night(), reading())


def test_the_ending_of_a_file_says_the_format() -> None:
    endings = {"html": "html", "pdf": "pdf", "json": "json", "csv": "csv", "xml": "junit", "md": "markdown"}
    assert {ending: format_of(f"a.b/of.night.{ending}") for ending in endings} == endings
    assert {format_of(file) for file in (None, "night", "night.", ".pdf", "night.txt")} == {"html"}
