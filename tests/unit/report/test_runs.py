"""Many runs in a terminal and in a spreadsheet: what a record holds is hostile there too."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from runner.record.compare import compare
from runner.record.line import line
from runner.report.runs import diff_text, open_table, runs_csv, runs_table
from tests.unit.report.hostile import CORPUS, night_of
from tests.unit.report.samples import bad_night, item


@pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS)
def test_hostile_texts_act_nowhere(text: str) -> None:
    record = night_of(text)
    record = replace(record, policy={**record.policy, "review": True})
    row = line(record) | {"signed": None}
    told = (
        runs_table([row], None, zone_name="UTC"),
        open_table([row], None),
        diff_text(record.run, record.run, f"+{text}\n", compare(record, bad_night())),
    )
    for shown in told:
        acts = [
            c for c in shown if c not in "\n\t" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066\u200e")
        ]
        assert acts == []
    rows = list(csv.reader(io.StringIO(runs_csv([row]))))
    assert len(rows) == 2
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in rows[1])


def test_what_waits_for_steps_of_a_run_that_broke_off_is_gone_on_with_and_not_signed() -> None:
    items = (item("worked", "implement", "It was done", "dump"), item("told", "plan", "They know"))
    row = line(bad_night(items=items))
    next_of = {told.split()[2]: told for told in open_table([row], None).splitlines()[1:]}
    assert row["outcome"] == "in doubt"
    assert "rawat resume 01M86…ZQKT" in next_of["worked"]
    assert "rawat sign 01M86…ZQKT --item told" in next_of["told"]
    done = open_table([row | {"outcome": "ok"}], None)
    assert "rawat sign 01M86…ZQKT --item worked" in done


def test_tables_fit_the_terminal_and_what_is_typed_next_stays_whole() -> None:
    items = (item("worked", "implement", "It was done", "dump"), item("told", "plan", "They know"))
    row = line(bad_night(items=items)) | {"ticket": "CHG-1042", "playbook": "database-optimization", "signed": None}
    cut_off = row | {"outcome": "interrupted", "failed": 0}
    wide = runs_table([row, cut_off], None, zone_name="UTC")
    assert "hosts" in wide and "signed" in wide and max(map(len, wide.splitlines())) > 100
    told = runs_table([row, cut_off], None, zone_name="UTC", width=80).splitlines()
    assert max(map(len, told)) <= 80 and "signed" not in told[0] and "hosts" not in told[0]
    assert "database-…" in told[1] and told[1].endswith("CHG-1042")
    assert told[3] == "  CHG-1042  rawat resume 01M86…ZQKT"
    waits = open_table([row], None, width=80).splitlines()
    assert max(map(len, waits)) <= 80 and "  rawat sign 01M86…ZQKT --item told" in waits
