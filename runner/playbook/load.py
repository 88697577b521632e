"""A playbook file to a Playbook, or to every problem that is in it, each with its place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.document.paths import resolved
from runner.document.schema import check, without_misfits
from runner.document.source import At, Document, likely, read_file
from runner.errors import InvalidInput, Problem
from runner.frozen import replace
from runner.model import FINALLY, PHASES, ChecklistItem, Playbook, Rollout, Share, SourceFile, Step, Variable
from runner.playbook.declared import LIMITS, declaration_problems, is_declaration
from runner.playbook.names import check_names
from runner.playbook.schema import STEP_KEYS, playbook_schema, steps_schema
from runner.playbook.steps import StepReader
from runner.playbook.template import is_template, templates_in
from runner.playbook.variables import template_problems
from runner.registry import Registry
from runner.units import duration_s

Kinds = Registry[type[Any]]


def load(path: Path, *, kinds: Kinds, root: Path | None = None) -> Playbook:
    """
    Read, check and build a playbook; `root` is the project's folder, by default the nearest with a `rawat.yml`.

    Raises InvalidInput with all problems of the file and its includes, in the order of the text.
    """
    root = resolved(root or project_root(path))
    return _Loader(root, kinds).load(path)


def project_root(path: Path) -> Path:
    """The nearest folder above a file that holds a `rawat.yml`, else the file's own."""
    folder = resolved(path).parent
    return next((up for up in (folder, *folder.parents) if (up / "rawat.yml").is_file()), folder)


class _Loader:
    def __init__(self, root: Path, kinds: Kinds) -> None:
        self.root = root
        self.kinds = kinds
        self.sources: list[SourceFile] = []
        self.problems: list[Problem] = []

    def load(self, path: Path) -> Playbook:
        document = self.read(path, str(path))
        if not isinstance(document.data, dict):
            self.problems.append(document.problem((), "a playbook is a mapping that begins with 'rawat: 1'"))
            raise InvalidInput(problems=tuple(self.problems))
        untimely = list(_untimely(document))
        document = self._checked(document)
        if untimely or not document.data:
            raise InvalidInput(problems=tuple(sorted([*self.problems, *untimely], key=lambda p: _order(p, {}))))
        reader = StepReader(self)
        phases = self._phases(document, reader)
        final = reader.list(document, ("finally",), FINALLY) if "finally" in document.data else ()
        playbook = self._playbook(document, path, phases, final)
        self.problems += reader.problems
        self.problems += self._cross(document, playbook)
        self.problems += template_problems(document, playbook)
        self.problems += check_names(
            playbook, reader.origins, self.kinds, doubtful=bool(self.problems), unread=reader.unread
        )
        if self.problems:
            order = {source.path: number for number, source in enumerate(self.sources)}
            raise InvalidInput(problems=tuple(sorted(dict.fromkeys(self.problems), key=lambda p: _order(p, order))))
        return playbook

    def _checked(self, document: Document) -> Document:
        """What more is looked for in; empty where that would only find what comes of the first mistakes."""
        data: dict[str, Any] = document.data
        kinds = self._schemas(data)
        schema = playbook_schema(kinds)
        found = check(document, schema, excuse=is_template)
        if strange := _strange(data):
            # what is wrong below a misspelt phase is told with it
            schema = playbook_schema(kinds, (*PHASES, *strange))
            found = list(dict.fromkeys([*found, *check(document, schema, excuse=is_template)]))
        if not found:
            return document
        self.problems += found
        sound, misfits = without_misfits(document, schema, excuse=is_template)
        lost = {at[0] for at in misfits if len(at) == 1 or at[0] in ("secrets", "checklist")}
        if lost & {"vars", "secrets", "phases", "checklist"} or data.get("rawat") != 1 or "phases" not in data:
            sound = {}
        return replace(document, data=sound)

    def read(self, path: Path, shown: str) -> Document:
        """One file, kept among the sources."""
        if not path.name.isprintable():
            message = f"{shown!r}: the name of a playbook has letters that cannot be shown; give it another name"
            raise InvalidInput(message, hint="no list of digests could name it")
        document = read_file(path, name=shown, told=self.problems)
        digest = hashlib.sha256(document.raw).hexdigest()
        real = resolved(path)
        name = str(real.relative_to(self.root)) if real.is_relative_to(self.root) else real.name
        self.sources.append(SourceFile(path=name, text=document.raw.decode(), sha256=digest))
        return document

    def include(self, document: Document, at: At, wanted: str, chain: tuple[str, ...]) -> Document | None:
        """
        The included document, checked; None where it may not or cannot be read.

        It is looked for as files of steps are: beside the file that names it, then under the root.
        """
        beside = (self.root / (chain[-1] if chain else self.sources[0].path)).parent
        places = [resolved(base / wanted) for base in (beside, self.root)]
        path = next((place for place in places if place.is_file()), places[0])
        message = ""
        if Path(wanted).is_absolute() or not path.is_relative_to(self.root):
            message = f"'{wanted}' is outside the project's root {self.root.name}/"
        elif self._shown(path) in chain:
            message = f"'{wanted}' includes itself"
        elif len(chain) >= 16:
            message = "more than 16 includes within each other"
        elif not path.is_file():
            message = f"there is no file '{wanted}' beside this one, or under the project's root {self.root.name}/"
        if message:
            self.problems.append(document.problem(at, message))
            return None
        try:
            included = self.read(path, self._shown(path))
        except InvalidInput as error:
            self.problems += error.problems
            return None
        if not isinstance(included.data, list):
            self.problems.append(included.problem((), "an included file is a list of steps"))
            return None
        schema = steps_schema(self._schemas(included.data))
        found = check(included, schema, excuse=is_template)
        self.problems += found
        return replace(included, data=without_misfits(included, schema, excuse=is_template)[0]) if found else included

    def _shown(self, path: Path) -> str:
        """One name for an included file, however it was written: of two, each would go round by the other."""
        return str(path.relative_to(self.root))

    def _schemas(self, data: Any) -> dict[str, Mapping[str, Any]]:
        """
        The schemas of all kinds whose names occur as keys; the others by name only, so that they are known words.

        Plug-ins are searched only where a step has a key that is known nowhere else.
        """
        used = _keys(data)
        known = self.kinds.names(plug_ins=False)
        if not _step_keys(data) <= {*STEP_KEYS, *known}:
            known = self.kinds.names()
        return {name: self.kinds.get(name).schema if name in used else {} for name in known}

    def _phases(self, document: Document, reader: StepReader) -> dict[str, tuple[Step, ...]]:
        written = document.data.get("phases", {})
        used = [phase for phase in written if phase in PHASES]
        in_order = sorted(used, key=PHASES.index)
        if used != in_order:
            late = next(phase for phase, right in zip(used, in_order, strict=True) if phase != right)
            message = f"phases stand in the order {', '.join(PHASES)}; '{late}' is out of place"
            self.problems.append(document.problem(("phases", late), message, on_key=True))
        strange = _strange(document.data)
        read = [phase for phase in written if phase in PHASES or phase in strange] if strange else in_order
        return {phase: reader.list(document, ("phases", phase), phase) for phase in read}

    def _playbook(
        self, document: Document, path: Path, phases: dict[str, tuple[Step, ...]], final: tuple[Step, ...]
    ) -> Playbook:
        data = document.data
        secrets = self._secrets(document)
        return Playbook(
            name=str(data.get("name", path.stem)),
            title=str(data.get("title", data.get("name", path.stem))),
            kind=str(data.get("kind", "other")),
            owner=str(data.get("owner", "")),
            hosts=str(data.get("hosts", "all")),
            become=data.get("become"),
            location=document.location(()),
            root=self.root,
            sources=tuple(self.sources),
            variables=self._variables(document),
            secrets=tuple(name for name, required in secrets.items() if required),
            optional=tuple(name for name, required in secrets.items() if not required),
            rollout=_rollout(data.get("rollout", {})),
            checklist=_checklist(document),
            phases=phases,
            finally_=final,
            all_phases=data.get("policy", {}).get("phases") == "all",
        )

    def _secrets(self, document: Document) -> dict[str, bool]:
        """The names of the secrets, and whether each must have a value."""
        found: dict[str, bool] = {}
        for number, item in enumerate(document.data.get("secrets", ())):
            said = item if isinstance(item, dict) else {"name": item}
            if (name := str(said.get("name"))) in found:
                self.problems.append(document.problem(("secrets", number), f"the secret '{name}' is here twice"))
            found[name] = said.get("required") is not False
        return found

    def _variables(self, document: Document) -> tuple[Variable, ...]:
        found = []
        for name, value in (document.data.get("vars") or {}).items():
            where = document.location(("vars", name))
            if not is_declaration(value):
                found.append(Variable(name=name, location=where, default=value))
                continue
            self.problems += declaration_problems(document, name, value)
            schema = {key: value[key] for key in value if key in LIMITS}
            required = bool(value.get("required", "default" not in value))
            found.append(
                Variable(
                    name=name,
                    location=where,
                    default=value.get("default"),
                    required=required,
                    schema=schema,
                    help=str(value.get("help", "")),
                )
            )
        return tuple(found)

    def _cross(self, document: Document, playbook: Playbook) -> list[Problem]:
        """References between the parts: checklist to steps, steps to checklist."""
        found = []
        steps = {step.id for step in playbook.walk()}
        if not steps and not self.problems:
            found.append(document.problem(("phases",), "no phase has a step: nothing would be done", on_key=True))
        items = {item.id for item in playbook.checklist}
        seen: set[str] = set()
        for number, item in enumerate(playbook.checklist):
            at: At = ("checklist", number)
            if item.id in seen or item.id in PHASES:
                found.append(document.problem((*at, "id"), f"'{item.id}' is taken already"))
            seen.add(item.id)
            if bool(item.proof) == item.by_hand:
                message = f"'{item.id}' needs either 'proof' (steps) or 'by: hand'"
                found.append(document.problem((*at, "id"), message))
            for index, name in enumerate(item.proof):
                if name not in steps:
                    message = f"there is no step '{name}'{likely(name, steps)}"
                    found.append(document.problem((*at, "proof", index), message))
        for step in playbook.walk():
            for requirement in step.requires:
                own = step.params.get("database") if isinstance(step.params, Mapping) else None
                if requirement.within_s is not None and not (requirement.database or own):
                    message = f"'{step.id}' requires '{requirement.item}' of which database? say so beside 'within'"
                    found.append(Problem(message=message, where=step.location))
                if requirement.item not in items and requirement.within_s is None:
                    message = f"'{step.id}' requires '{requirement.item}', which is no checklist item"
                    message += likely(requirement.item, items)
                    found.append(Problem(message=message, where=step.location))
        return found


def _untimely(document: Document) -> Iterator[Problem]:
    """Templates in what is read before any host is known; the schema takes a template for whatever is wanted."""
    data: dict[str, Any] = document.data
    for key in ("rawat", "name", "kind", "hosts", "secrets", "rollout", "checklist", "policy"):
        for at, _ in templates_in(data.get(key), (key,)):
            yield document.problem(at, f"'{key}' takes no {{{{ }}}}: it is read before any host is known")
    phases = data.get("phases")
    lists: dict[At, Any] = {(key,): data.get(key) for key in ("vars", "finally", "phases")}
    lists |= {("phases", phase): steps for phase, steps in phases.items()} if isinstance(phases, dict) else {}
    for at, value in lists.items():
        if is_template(value):
            yield document.problem(at, f"'{at[-1]}' takes no {{{{ }}}}: it is read before any host is known")


def _order(problem: Problem, files: Mapping[str, int]) -> tuple[int, int, int]:
    if problem.where is None:
        return (len(files), 0, 0)
    return (files.get(problem.where.file, 0), problem.where.line, problem.where.column)


def _strange(data: Mapping[str, Any]) -> list[str]:
    """What stands among the phases and is none, with a list below it."""
    phases = data.get("phases")
    written = phases.items() if isinstance(phases, dict) else ()
    return [key for key, steps in written if isinstance(key, str) and key not in PHASES and isinstance(steps, list)]


def _keys(data: Any) -> set[str]:
    """Every key of every mapping, through and through."""
    if isinstance(data, dict):
        return set(data).union(*map(_keys, data.values()), set())
    if isinstance(data, list):
        return set().union(*map(_keys, data), set())
    return set()


def _step_keys(data: Any) -> set[str]:
    """The keys of all mappings that stand in lists: those of the steps, and some more."""
    if isinstance(data, dict):
        return set().union(*(_step_keys(value) for key, value in data.items() if key != "checklist"))
    if isinstance(data, list):
        own = {key for item in data if isinstance(item, dict) for key in item}
        return own.union(*map(_step_keys, data))
    return set()


def _share(value: Any) -> Share:
    text = str(value)
    return Share(value=int(text.rstrip("%")), percent=text.endswith("%"))


def _rollout(data: Any) -> Rollout:
    """What is wrong in it was told already."""
    try:
        return _batches(data)
    except (InvalidInput, ValueError, TypeError, AttributeError):
        return Rollout()


def _batches(data: Mapping[str, Any]) -> Rollout:
    standard = Rollout()
    return Rollout(
        batches=tuple(_share(value) for value in data["batches"]) if "batches" in data else standard.batches,
        parallel=int(data.get("parallel", standard.parallel)),
        stop_when_failed=_share(data["stop_when_failed"]) if "stop_when_failed" in data else standard.stop_when_failed,
        timeout_s=duration_s(data["timeout"]) if "timeout" in data else standard.timeout_s,
    )


def _checklist(document: Document) -> tuple[ChecklistItem, ...]:
    return tuple(
        ChecklistItem(
            id=str(item.get("id", "")),
            text=str(item.get("text", "")),
            phase=str(item.get("phase", "")),
            location=document.location(("checklist", number, "id")),
            proof=tuple(item.get("proof", ())),
            by_hand=item.get("by") == "hand",
            required=bool(item.get("required", True)),
        )
        for number, item in enumerate(document.data.get("checklist", ()))
        if isinstance(item, dict)
    )
