"""The forms that a backup has: which texts make and restore it, and what its file is called."""

from __future__ import annotations

from collections.abc import Mapping

from runner.frozen import frozen

_ENCRYPTED = (".age", ".gpg")
_PACKED = {"none": "", "gzip": ".gz", "zstd": ".zst"}
_LOCKED = {"none": "", "age": ".age", "gpg": ".gpg"}


@frozen
class Form:
    """
    `ending` of what the dump program writes; `backup` and `restore` name the shell texts besides the source's own.

    `folder`: it writes a folder, which becomes one file. `whole`: of the whole server, not of one database.
    `reference`: the copy lies in a repository of its own, and our file only says where. `packing`: it may be packed by
    us (a form that packs by itself says False). `packed`: how, where nothing is said. `globals`: what belongs to the
    server and not to the database can be saved in a file beside it.
    """

    ending: str
    backup: tuple[str, ...]
    restore: tuple[str, ...]
    folder: bool = False
    whole: bool = False
    reference: bool = False
    packing: bool = True
    packed: str = "none"
    globals: bool = False

    def extension(self, compress: str, encrypt: str) -> str:
        return f"{self.ending}{'.tar' if self.folder else ''}{_PACKED[compress]}{_LOCKED[encrypt]}"

    def fits(self, file: str) -> bool:
        """Whether a file of this name is of this form."""
        for ending in _ENCRYPTED:
            file = file.removesuffix(ending)
        if self.packing:
            file = file.removesuffix(".gz").removesuffix(".zst")
        return file.endswith(f".{self.ending}{'.tar' if self.folder else ''}")


Forms = Mapping[str, Form]


def form_of(forms: Forms, file: str) -> str:
    """The name of the form that a file's name tells; the usual one where it tells none."""
    return next((name for name, form in forms.items() if form.fits(file)), next(iter(forms)))
