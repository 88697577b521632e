"""`rawat init`: a project to begin with, every line explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.errors import InvalidInput, unwritable

SETTINGS = """\
# Settings of this project. `rawat settings` shows every value and where it came from.
rawat: 1

# Folder of the run records: one folder per run, and the ledger that holds them together.
records: records

# The hosts. -i on the command line takes another file; Ansible inventories are read as well.
inventory: inventory.yml

# Whose keys are trusted. A host that is in none of them is refused; `rawat trust` adds one.
known_hosts: [~/.ssh/known_hosts]

# Moments are shown in this zone (and kept in UTC).
timezone: Asia/Jakarta

policy:
  ticket: optional          # required: no run without --ticket
  same_machine: refuse      # allow: two names may be one machine (clones, test beds)
"""

INVENTORY = """\
# The hosts that playbooks work on. Names of ~/.ssh/config may be used without being written here.
rawat: 1

hosts:
  here: {transport: local}            # this machine, without SSH: to try things out
  # db1: {address: 192.0.2.10, port: 22, user: maint, identity_file: ~/.ssh/maint, jump: bastion}
  # db2: {}                           # the name is the address; the rest comes from ~/.ssh/config

groups:
  first: {hosts: [here]}
  # db: {hosts: [db1, db2], vars: {engine: postgresql, database: shopintar}}
"""

PLAYBOOK = """\
# A first playbook. `rawat check` finds every mistake in it, `rawat plan` shows what it would do.
rawat: 1
name: first
title: Look at a host and leave a note on it
kind: verification
hosts: first                          # a pattern: db, db1,db2, app*, credit:!db

vars:                                 # -e KEY=VALUE, or the inventory, gives other values
  folder: {default: /tmp/rawat-first, type: string, help: Where the note is left}

checklist:                            # besides the seven phases, which every run has
  - id: note-there
    phase: test
    text: The note is on the host and says what it should
    proof: [read]                     # ticked by a step; `by: hand` is ticked by `rawat sign`

phases:                               # identify analyse plan implement test document monitor
  analyse:
    - id: room
      title: There is room
      disk: {path: /tmp, free: 10MB}
  implement:
    - id: folder
      title: A folder for the note
      file: {path: "{{ folder }}", state: directory, mode: "0700"}
    - id: write
      title: The note
      copy: {content: "rawat was here\\n", to: "{{ folder }}/note", mode: "0600"}
      undo:
        - id: remove
          file: {path: "{{ folder }}/note", state: absent}
  test:
    - id: read
      title: Read it again
      command: [cat, "{{ folder }}/note"]
      expect: result.stdout == 'rawat was here'
      on_failure: rollback            # what has an undo is undone, last first; without this the host stops here
"""

FILES = {"rawat.yml": SETTINGS, "inventory.yml": INVENTORY, "playbooks/first.yml": PLAYBOOK}


def write_project(folder: Path) -> Iterator[Path]:
    """The files that were written; raises InvalidInput, with nothing written, where one of them is there already."""
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        message = f"{folder}: there is a {', '.join(there)} already; nothing was written"
        raise InvalidInput(message, hint="name an empty folder: rawat init FOLDER")
    for name, text in FILES.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(path, error) from error
        yield path
