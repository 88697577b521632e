"""Files on the host from the project: copied as they are, or rendered from a template."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.redact import Secret
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, Mistake, cannot_tell
from runner.steps.parts.local import project_file
from runner.steps.parts.owned import differing
from runner.steps.parts.texts import script
from runner.units import text_of_size

_PLACE: Mapping[str, part.Schema] = {
    "to": part.host_path("The file on the host. A link is followed to the file it leads to."),
    "mode": part.mode("Permissions. Left out: those of the file that is there, `0644` for a new one."),
    "owner": part.owner("Who owns it. Left out: who owns the file that is there, else who writes it."),
    "group": part.owner("Its group. Left out: as for `owner`."),
    "backup": part.flag(
        "Keep the file that is replaced beside the new one, its name ending in the moment and `~`.", False
    ),
    "validate": part.text(
        "A command line that must succeed on the new content before it is put in place; `%s`, without quotes around "
        "it, stands for its file.",
        examples=["visudo -cf %s", "nginx -t -c %s"],
    ),
}

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


class Placed(HostKind):
    """Content that must stand in a file on the host, with the permissions named."""

    idempotent: ClassVar[bool] = True
    shell: ClassVar[tuple[str, ...]] = ("validate",)

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        """A `%s` becomes a quoted word: quotes around it would end there, and the program look at another file."""
        from runner.playbook.quoting import HOLE, holes

        line = params.get("validate") if isinstance(params, Mapping) else None
        if not isinstance(line, str):
            return []
        found = holes(_TEMPLATE.sub("x", line).replace("%s", HOLE))
        why = next(filter(None, found), "")
        message = f"%s {why}: it becomes a word that is quoted already; write it bare, as in 'visudo -cf %s'"
        return [(("validate",), message, "%s")] if why else []

    def content(self, wish: Wish) -> bytes | Path:
        raise NotImplementedError

    def confirms(self, params: Any) -> bool:
        return True

    def look(self, wish: Wish) -> Script | None:
        return Script(text=script(("copy_look",), paths={"to": wish.params["to"]}))

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        said = Answers(found.stdout)
        if said.text("exists") != "yes":
            return Check(needed=True, why=f"{wish.params['to']} is not there")
        differs = ["content"] if said.text("sha256") != _sha256(self.content(wish)) else []
        differs += differing(wish.params, said)
        values = {"sha256_before": said.text("sha256")}
        if differs:
            return Check(needed=True, why=f"{wish.params['to']} differs: {', '.join(differs)}", values=values)
        return Check(needed=False, why=f"{wish.params['to']} is as wanted", values=values)

    def act(self, wish: Wish, found: Check | None) -> Script:
        params, content = wish.params, self.content(wish)
        check = params.get("validate", "")
        values = {
            "wanted": _sha256(content),
            "mode": params.get("mode", ""),
            "owner": params.get("owner", ""),
            "group": params.get("group", ""),
            "backup": "yes" if params.get("backup") else "",
            "validate": check.replace("%s", '"$new"'),
            "shown": check,
        }
        return Script(text=script(("copy",), values, {"to": params["to"]}), stdin=content)

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        if not done.exit.ok:
            return Verdict(ok=False, problem=failure(done))
        said, content = Answers(done.stdout), self.content(wish)
        values: dict[str, Any] = {
            "path": said.text("path", wish.params["to"]),
            "sha256": _sha256(content),
            "bytes": _length(content),
        }
        if said.text("backup"):
            values["backup"] = said.text("backup")
        return Verdict(ok=True, changed=True, values=values, summary=f"{text_of_size(values['bytes'])} written")

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        more = [f"{key} {params[key]}" for key in ("mode", "owner", "group") if key in params]
        after = f" ({', '.join(more)})" if more else ""
        lines = [f"{params.get('src', 'text')} -> {params['to']}{after}"]
        return [*lines, *([f"only if: {params['validate']}"] if "validate" in params else [])]


class Copy(Placed):
    name: ClassVar[str] = "copy"
    family: ClassVar[str] = "plain"
    secret: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Put a file on the host",
        "A file of the project, or a text, is written beside its place under another name, gets its permissions "
        "while it "
        "is still private, and is then moved into place in one go: nobody ever reads half a file. Nothing is "
        "done where "
        "content and permissions are as wanted.",
        {
            "src": part.text("A file of the project; relative to the playbook, else to the project's root."),
            "content": {"type": "string", "description": "The text itself, instead of `src`. A secret may stand here."},
            **_PLACE,
        },
        required=["to"],
        oneOf=[{"required": ["src"]}, {"required": ["content"]}],
        examples=[
            {"src": "files/motd", "to": "/etc/motd", "mode": "0644", "owner": "root"},
            {
                "content": "maint ALL=(postgres) NOPASSWD: ALL\n",
                "to": "/etc/sudoers.d/maint",
                "validate": "visudo -cf %s",
            },
        ],
    )

    def content(self, wish: Wish) -> bytes | Path:
        match wish.params.get("content"):
            case None:
                return project_file(wish, wish.params["src"])
            case Secret() as secret:
                return secret.reveal().encode()
            case text:
                return str(text).encode()


class Template(Placed):
    name: ClassVar[str] = "template"
    source: ClassVar[str] = "src"
    """The parameter that names a template of the project, whose names are looked at before a run."""
    family: ClassVar[str] = "plain"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Put a file made from a template on the host",
        "A Jinja2 template of the project, rendered with the variables, facts and registered results; a name "
        "that is not "
        "known is an error. Nothing is quoted in it. Written as `copy` does.",
        {"src": part.text("The template, a file of the project."), **_PLACE},
        required=["src", "to"],
        examples=[{"src": "templates/app.conf.j2", "to": "/etc/app/app.conf", "mode": "0640", "group": "app"}],
    )

    def content(self, wish: Wish) -> bytes:
        from runner.playbook.evaluation import render_text

        path = project_file(wish, wish.params["src"])
        try:
            source = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"src: {wish.params['src']!r} cannot be read as UTF-8 text: {error}") from error
        names = {key: value.reveal() if isinstance(value, Secret) else value for key, value in wish.names.items()}
        return render_text(source, names, name=wish.params["src"]).encode()


def _sha256(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _length(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size
