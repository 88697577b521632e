"""What can be known before is refused before: `plan` and `run` end with 2, and no step has run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, hosts=2)
    project.write("files/there", "x\n")
    return project


FIRST = "vars: {n: 5, file: no}\nphases:\n  implement:\n    - {id: first, command: 'touch first'}\n"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("copy: {src: files/missing, to: /tmp/x}", "'files/missing' is not a file of the project"),
        ("copy: {src: ../outside, to: /tmp/x}", "lies outside the project"),
        ("copy: {src: 'files/{{ file }}', to: /tmp/x}", "'files/no' is not a file of the project"),
        ("template: {src: files/missing, to: /tmp/x}", "is not a file of the project"),
        ("script: {file: files/missing}", "is not a file of the project"),
        ("file: {path: /tmp/a/b, state: absent, mode: '0600'}", "mode: means nothing with state: absent"),
        ("file: {path: '/{{ n }}', state: absent}", "too near to the root"),
        ("package: {names: [a], version: '1'}", "version: goes with name"),
        ("disk: {path: '{{ n }}', free: '{{ file }}'}", "free"),
    ],
)
def test_a_mistake_that_shows_before_is_refused_before(project: Project, step: str, words: str) -> None:
    book = project.playbook(f"{FIRST}    - id: second\n      {step}\n")
    for command in ("plan", "run"):
        said = project.rawat(command, book)
        assert said.code == 2, said.out + said.err
        assert words in said.err
        assert "p.yml:9:" in said.err
    assert not (project.folder / "records").exists()


def test_a_file_that_a_step_before_may_make_is_not_missed(project: Project) -> None:
    book = project.playbook(
        "phases:\n  implement:\n"
        "    - {id: make, local: true, command: 'printf x >files/made'}\n"
        f"    - id: put\n      copy: {{src: files/made, to: {project.folder}/put}}\n"
    )
    said = project.rawat("run", book)
    assert said.code == 0, said.out + said.err
    assert (project.folder / "put").read_text() == "x"


def test_a_step_that_no_host_takes_is_not_asked(project: Project) -> None:
    book = project.playbook(
        "vars: {on_it: false}\nphases:\n  implement:\n    - {id: first, command: 'true'}\n"
        "    - {id: never, when: on_it, copy: {src: files/missing, to: /tmp/x}}\n"
    )
    assert project.rawat("run", book).code == 0
    steps = "    - {id: first, command: 'true'}\n    - {id: bad, copy: {src: no, to: /x}}\n"
    left_out = project.playbook(f"phases:\n  implement:\n{steps}")
    assert project.rawat("run", left_out, "--skip", "bad").code == 0


def test_files_are_looked_for_beside_the_file_that_names_them_and_then_under_the_root(project: Project) -> None:
    project.write("jobs/files/motd", "beside the playbook\n")
    project.write("jobs/parts/files/motd", "beside the include\n")
    project.write("jobs/parts/more.yml", f"- {{id: c, copy: {{src: files/motd, to: {project.folder}/c}}}}\n")
    book = project.playbook(
        "phases:\n  implement:\n"
        f"    - {{id: a, copy: {{src: files/motd, to: {project.folder}/a}}}}\n"
        f"    - {{id: b, copy: {{src: files/there, to: {project.folder}/b}}}}\n"
        "    - include: jobs/parts/more.yml\n",
        name="jobs/p.yml",
    )
    said = project.rawat("run", book)
    assert said.code == 0, said.out + said.err
    found = [(project.folder / name).read_text() for name in "abc"]
    assert found == ["beside the playbook\n", "x\n", "beside the include\n"]


def test_a_result_that_was_left_out_is_missed_before(project: Project) -> None:
    book = project.playbook(
        "phases:\n  identify:\n    - {id: look, command: 'echo 5', register: seen}\n"
        "  implement:\n    - {id: use, command: 'echo {{ seen.stdout }}'}\n"
    )
    for command in ("plan", "run"):
        said = project.rawat(command, book, "--from", "use")
        assert said.code == 2, said.out
        assert "p.yml:9:8: error: 'use' uses 'seen', the result of 'look', which is left out (--from use)" in said.err
    assert not (project.folder / "records").exists()


def test_steps_of_finally_may_be_done_alone_and_several_are_named_with_commas(tmp_path: Path) -> None:
    project = Project(tmp_path)
    steps = "{id: a, command: echo}, {id: b, command: echo}, {id: c, command: echo}"
    last = "{id: d, command: echo}, {id: e, command: echo}"
    project.playbook(f"phases: {{implement: [{steps}]}}\nfinally: [{last}]\n")
    for words, done in (
        (("--only", "d"), "d"), (("--from", "e"), "e"), (("--only", "a, c"), "acde"), (("--skip", "a,b,d"), "ce"),
        (("--only", "b,e", "--only", "c"), "bce"),
    ):  # fmt: skip
        assert project.rawat("run", "p.yml", *words).code == (0 if set("abc") & set(done) else 9), words
        steps_of = project.record()["hosts"]["h1"]["steps"]
        assert "".join(sorted(step["id"] for step in steps_of if step["outcome"] == "ok")) == done
    said = project.rawat("run", "p.yml", "--skip", "a,b,c")
    assert said.code == 2 and "no step of t is left to run: --skip a, --skip b, --skip c" in said.err


def test_what_is_ignored_of_a_host_that_only_ssh_config_names_is_told(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("ssh_config", "Host odd\n  HostName 127.0.0.1\n  Port 1\n  ProxyCommand nc %h %p\n")
    project.playbook("phases: {implement: [{id: a, command: echo}]}\n")
    where = {"RAWAT_SSH_CONFIG": str(tmp_path / "ssh_config")}
    for words in (("hosts", "odd"), ("plan", "p.yml", "--hosts", "odd"), ("run", "p.yml", "--hosts", "odd")):
        said = project.rawat(*words, environment=where)
        assert "ssh_config:4: ignored: ProxyCommand would run a local command" in said.out + said.err, words
        assert "ProxyCommand" not in project.rawat(*words[:-1], "h1", environment=where).err


TEMPLATE = """{% set port = port | default(80) %}{% for n in range(2) %}{{ loop.index }}{{ n }}{% endfor %}
{% if maybe is defined %}{{ maybe }}{% elif other is defined %}{{ other.x }}{% else %}{{ host.name }}{% endif %}
{% macro m(a, b=1) %}{{ a }}{{ b }}{{ varargs }}{% endmacro %}{{ m(1) }}{{ port }}{{ facts.kernel }}{{ seen.stdout }}
{{ nix | default(1) }}{% with z = dict(a=eng) %}{{ z.a }}{% endwith %}{{ token }}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEMPLATE, ""),
        ("x\n{{ engg }}", "conf.j2:2: 'engg' is not declared; did you mean 'eng'?"),
        ("{% if maybe is defined %}x{% else %}{{ maybe }}{% endif %}", "conf.j2:1: 'maybe' is not declared"),
        ("\n{{ eng | uper }}", "conf.j2:2: there is no filter 'uper'; did you mean 'upper'?"),
        ("{{ eng", "conf.j2:1: unexpected end of template"),
        ("{{ seen.stdout }}", "'use' uses 'seen', the result of 'look', which is left out (--skip look)"),
    ],
)
def test_what_a_template_file_asks_for_in_vain_is_told_before_anything_is_touched(
    tmp_path: Path, text: str, said: str
) -> None:
    """It failed in the middle of the run."""
    project = Project(tmp_path)
    project.write("conf.j2", text)
    use = f"{{id: use, template: {{src: conf.j2, to: {tmp_path}/out}}}}"
    book = project.playbook(
        "vars: {eng: a}\nsecrets: [token]\n"
        f"phases: {{implement: [{{id: look, command: echo, register: seen}}, {use}]}}\n"
    )
    skip = ("--skip", "look") if "--skip" in said else ()
    for command in ("plan", "run"):
        done = project.rawat(command, book, *skip, environment={"RAWAT_SECRET_TOKEN": "12345678"})
        assert (done.code, "Traceback" in done.err) == (2 if said else 0, False), done
        assert said in done.err and (not said or "p.yml:7:" in done.err)
    assert (tmp_path / "records").exists() is not bool(said)
