"""Values in parameters as a run has them: secrets, numbers where a text is wanted, and what is kept to itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.project import Project

TOKEN = "s3cret-t0ken-9f1"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def site() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """A port whose pages tell nothing, and the headers that they were asked with."""
    seen: list[dict[str, str]] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers.items()))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"NIK-3201-hush")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()
            thread.join()


def test_a_secret_stands_in_a_header_alone_within_text_and_within_a_probe(
    project: Project, site: tuple[int, list[dict[str, str]]]
) -> None:
    port, seen = site
    url = f"http://127.0.0.1:{port}/"
    book = project.playbook(
        "secrets: [token]\nphases:\n  test:\n"
        f"    - id: alone\n      http: {{url: '{url}', headers: {{X-Token: '{{{{ token }}}}'}}}}\n"
        f"    - id: within\n      http: {{url: '{url}', headers: {{X-Token: 'Bearer {{{{ token }}}}'}}}}\n"
        "    - id: probe\n      verify:\n        probes:\n"
        f"          - http: {{url: '{url}', headers: {{X-Token: '{{{{ token }}}}'}}}}\n"
    )
    said = project.rawat("run", book, environment={"RAWAT_SECRET_TOKEN": TOKEN})
    assert said.code == 0, said.out + said.err
    assert [headers["X-Token"] for headers in seen] == [TOKEN, f"Bearer {TOKEN}", TOKEN]
    assert TOKEN not in said.out + said.err
    assert not [file for file in project.folder.rglob("*.jsonl") if TOKEN in file.read_text()]


def test_a_secret_of_the_wrong_form_is_refused_and_not_shown(project: Project) -> None:
    book = project.playbook(
        "secrets: [token]\nphases:\n  test:\n"
        "    - id: a\n      http: {url: 'http://127.0.0.1:1/', headers: {X: '{{ token }}'}}\n"
    )
    said = project.rawat("run", book, environment={"RAWAT_SECRET_TOKEN": f"{TOKEN}\nX-More: 1"})
    assert said.code == 1
    assert "<secret token> does not have the form that is wanted here" in said.out
    assert TOKEN not in said.out + said.err


def test_numbers_and_truth_are_texts_where_texts_are_wanted(project: Project) -> None:
    book = project.playbook(
        "vars: {port: 5432, ratio: 0.5, yes: true}\nphases:\n  test:\n"
        "    - {id: argv, command: [printf, '%s ', '{{ port }}', '{{ ratio }}', '{{ yes }}'], register: argv}\n"
        "    - {id: env, command: {line: 'printf %s \"$PORT\"', env: {PORT: '{{ port }}'}}, register: env}\n"
        "    - {id: note, note: '{{ port }}'}\n"
        "    - id: copy\n      copy: {to: '{{ host.name }}.txt', content: '{{ port }}'}\n      when: false\n"
        "    - {id: seen, assert: {that: [\"argv.stdout == '5432 0.5 true '\", \"env.stdout == '5432'\"]}}\n"
    )
    said = project.rawat("run", book)
    assert said.code == 0, said.out + said.err


def test_with_no_output_nothing_that_was_printed_or_found_is_told(
    project: Project, site: tuple[int, list[dict[str, str]]]
) -> None:
    (project.folder / "private").write_text("NIK-3201-hush\n")
    line = f"cat {project.folder}/private"
    book = project.playbook(
        "phases:\n  test:\n"
        f"    - {{id: good, command: '{line}', no_output: true, register: a}}\n"
        "    - {id: used, assert: {that: ['a.stdout[4:8] == \"3201\"']}}\n"
        f"    - {{id: bad, command: '{line} >&2; exit 1', no_output: true, on_failure: continue}}\n"
        "    - id: else\n      no_output: true\n      on_failure: continue\n      expect: result.stdout == ''\n"
        f"      command: '{line}'\n"
        "    - id: again\n      no_output: true\n      on_failure: continue\n      retries: {attempts: 2, delay: 1ms}\n"
        f"      command: '{line}; exit 3'\n"
        "    - id: page\n      no_output: true\n      on_failure: continue\n"
        f"      http: {{url: 'http://127.0.0.1:{site[0]}/', matches: x}}\n"
    )
    said = project.rawat("run", book)
    assert said.code == 1, said.out + said.err
    told = said.out + said.err + "".join(file.read_text() for file in project.folder.rglob("*.jsonl"))
    assert "hush" not in told
    assert "exit 1; what it said is not kept (no_output)" in said.out
    record = project.record()
    assert "hush" not in json.dumps(record)


def test_of_an_output_whose_middle_was_not_kept_nothing_is_claimed(project: Project) -> None:
    """The word stands in the middle: that it is not in what was kept says nothing."""
    line = "head -c 900000 /dev/zero | tr '\\0' a; echo wanted; head -c 900000 /dev/zero | tr '\\0' b"
    goes_on = "on_failure: continue, "
    book = project.playbook(
        "phases:\n  implement:\n"
        f'    - {{id: long, command: "{line.replace(chr(92), chr(92) * 2)}", register: long}}\n'
        "  test:\n"
        f"    - {{id: claim, {goes_on}assert: {{that: \"'wanted' not in long.stdout\"}}}}\n"
        f"    - {{id: used, {goes_on}command: 'echo {{{{ long.stdout }}}}'}}\n"
        f"    - {{id: own, {goes_on}expect: \"'x' not in result['stdout']\", command: 'head -c 1100000 /dev/zero'}}\n"
        f"    - {{id: all, {goes_on}command: 'head -c 1100000 /dev/zero', with: [1], register: all}}\n"
        f"    - {{id: each, {goes_on}assert: {{that: \"'' in all | map(attribute='stdout') | list\"}}}}\n"
        "    - {id: asked, assert: {that: [long.truncated, long.stderr == '', long.ok]}}\n"
        "    - {id: short, command: echo wanted, register: short}\n"
        "    - {id: whole, assert: {that: [not short.truncated, short.stdout == 'wanted']}}\n"
    )
    said = project.rawat("run", book)
    assert said.code == 1, said.out + said.err
    steps = project.record()["hosts"]["h1"]["steps"]
    problems = {step["id"]: step["attempts"][-1]["problem"] for step in steps}
    why = "stdout had 1800007 bytes, of which only the two ends were kept; judge it on the host (grep -c, tail), or ask"
    assert why in problems["claim"] and why in problems["used"]
    assert "stdout had 1100000 bytes" in problems["own"] and "stdout had 1100000 bytes" in problems["each"]
    assert [step["id"] for step in steps if step["outcome"] == "ok"] == ["long", "all.1", "asked", "short", "whole"]
