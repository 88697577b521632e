"""What a backup was asked for, judged before anything is begun: form, packing, encryption, names."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.steps.dialects.base import Source, Values
from runner.steps.dialects.databases import source
from runner.steps.dialects.forms import Form
from runner.steps.parts.places import recipients

WHOLE = "*"
"""What is saved where it is a whole server and not one database."""


@frozen
class Order:
    """
    `name` is the form's; `globals`: whether the server's go along, in a file beside the copy; `connection` the
    assignments of plain values and of paths.
    """

    source: Source
    name: str
    form: Form
    globals: bool
    compress: str
    encrypt: str
    recipients: tuple[str, ...]
    connection: tuple[Values, Values]


def order(params: Mapping[str, Any]) -> Order:
    """Raises InvalidInput where the parameters do not fit each other."""
    what = source(params["engine"])
    name = form_name(params)
    form = what.forms[name]
    _fitting(params, name, form)
    compress = str(params.get("compress") or form.packed)
    encrypt, keys = recipients(params)
    if (compress != "none" and not form.packing) or (encrypt != "none" and form.reference):
        key = "encrypt" if encrypt != "none" and form.reference else "compress"
        raise InvalidInput(f"{key}: means nothing with format: {name}, which sees to it itself")
    main = {"postgresql": "postgres", "mariadb": "mysql", "mysql": "mysql"}.get(params["engine"], "")
    full = {**params, "database": params.get("database") or main} if form.whole else params
    connection = what.connection(full)
    return Order(
        source=what,
        name=name,
        form=form,
        globals=form.globals and params.get("globals") is not False,
        compress=compress,
        encrypt=encrypt,
        recipients=keys,
        connection=connection,
    )


def form_name(params: Mapping[str, Any]) -> str:
    forms = source(params["engine"]).forms
    name = str(params.get("format") or next(iter(forms)))
    if name not in forms:
        raise InvalidInput(f"format: {name!r} is none of {params['engine']}; it has {', '.join(forms)}")
    return name


def misfit(params: Mapping[str, Any]) -> tuple[str, str] | None:
    """The parameter that does not fit the others, and why, as far as that shows before names are filled in."""
    known = {key: value for key, value in params.items() if "{{" not in str(value)}
    if "engine" not in known or ("format" in params and "format" not in known):
        return None
    try:
        name = form_name(known)
        _fitting(known, name, source(known["engine"]).forms[name])
    except InvalidInput as error:
        key = error.message.partition(":")[0].partition(",")[0]
        told = key == "engine" or (key in params and key not in known)
        return None if told else (key if key in params else "", error.message)
    return None


_NEEDED = {"pgbackrest": "stanza", "restic": "repository", "borg": "repository"}
_ONLY: Mapping[str, tuple[str, ...]] = {
    "jobs": ("directory",),
    "stanza": ("pgbackrest",),
    "type": ("pgbackrest",),
    "repository": ("restic", "borg"),
    "globals": ("custom", "directory", "plain"),
    "role_passwords": ("custom", "directory", "plain"),
}


def _fitting(params: Mapping[str, Any], name: str, form: Form) -> None:
    engine = params["engine"]
    extra = [key for key in ("path", "exclude") if params.get(key) and engine != "files"]
    extra += ["password"] if engine == "files" and not form.reference and params.get("password") else []
    if extra:
        raise InvalidInput(f"{', '.join(extra)}: means nothing with engine: {engine}")
    for key, forms in _ONLY.items():
        if params.get(key) and name not in forms:
            raise InvalidInput(f"{key}: means nothing with format: {name}; it belongs to {', '.join(forms)}")
    if params.get("role_passwords") and params.get("globals") is False:
        raise InvalidInput("role_passwords: means nothing with globals: false, which saves no roles")
    if (needed := _NEEDED.get(name)) and not params.get(needed):
        raise InvalidInput(f"{needed}: format: {name} needs it")


def subject(params: Mapping[str, Any]) -> str:
    """What is saved, in one word: a database's name, a path, or `*` for a whole server."""
    engine = params["engine"]
    if engine != "files" and source(engine).forms[form_name(params)].whole:
        return WHOLE
    return str(params.get("database") or params.get("path") or "")


def stem(params: Mapping[str, Any]) -> str:
    """A name for files that needs no quoting; where the source's own had to be changed, its checksum keeps it apart."""
    if params.get("name"):
        return str(params["name"])
    what = subject(params).rstrip("/")
    if what == WHOLE:
        return f"{params['engine']}-{form_name(params)}"
    last = PurePosixPath(what).name if params["engine"] in ("sqlite", "files") else what
    last = last.removesuffix(".db") if params["engine"] == "sqlite" else last
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".-") or "copy"
    return safe if safe == last else f"{safe}-{zlib.crc32(last.encode()):08x}"


def source_line(host: str, params: Mapping[str, Any]) -> str:
    """The manifest's line that says what was saved; only copies with the very same line are ever removed."""
    place = {name: params[key] for key, name in (("host", "server"), ("port", "port")) if params.get(key)}
    what = {"host": host, "engine": params["engine"], "database": subject(params), **place}
    return f'  "source": {json.dumps(what)},'
