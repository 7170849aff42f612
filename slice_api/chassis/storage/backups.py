"""A whole copy of the SQLite file, taken while others write to it."""

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from slice_api.chassis.storage.raw import sqlite_connection
from slice_api.chassis.storage.sqlite import path_in
from slice_api.chassis.storage.tables import quoted
from slice_api.settings import SettingsError

_BESIDE = ("-wal", "-journal")


def back_up(url: str, file: Path, *, is_replacing: bool, without: Sequence[str] = ()) -> int:
    """Copy the database of a storage URL into a file, which is there as a whole or not at all; gives its bytes.

    `without` names the collections that are left empty in it: what is true of the one database only.
    Raises SettingsError for what cannot be.
    """
    path = _source_of(url)
    _check_place(path, file, is_replacing=is_replacing)
    try:
        with TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
            part = Path(folder) / "part"
            _write_copy(url, part, without)
            shutil.copymode(path, part)
            _synchronize(part)
            # Copying takes long, and somebody may have come meanwhile.
            _check_place(path, file, is_replacing=is_replacing)
            part.replace(file)
            _synchronize(file.parent)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f"{file} could not be written: {error}") from error
    return file.stat().st_size


def _source_of(url: str) -> Path:
    scheme = url.partition(":")[0]
    if scheme in ("postgresql", "postgres"):
        raise SettingsError("PostgreSQL has its own tools for this: pg_dump, or continuous archiving.")
    if scheme != "sqlite":
        raise SettingsError("There is no file to back up; name one: sqlite:///…")
    path, _ = path_in(url)
    if not path.is_file():
        raise SettingsError(f"{path} is not there.")
    return path


def _check_place(path: Path, file: Path, *, is_replacing: bool) -> None:
    if file.exists() and file.samefile(path):
        raise SettingsError(f"{file} is the database itself; choose another name.")
    if file.is_dir():
        raise SettingsError(f"{file} is a folder; choose another name.")
    if file.exists() and not is_replacing:
        raise SettingsError(f"{file} exists; choose another name, or add --force to replace it.")
    for beside in (file.with_name(f"{file.name}{end}") for end in _BESIDE):
        # SQLite would take it for a part of the new file.
        if beside.exists():
            raise SettingsError(f"{beside} is there, so {file} is or was somebody's database; choose another name.")


def _write_copy(url: str, part: Path, without: Sequence[str]) -> None:
    """Copy the file in one step, which is one moment of it, however much is being written; then look through it.

    In several steps, every write of another process would make it begin again.
    """
    with closing(sqlite_connection(url, "read")) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
        there = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
        for name in there.intersection(without):
            copy.execute(f"DELETE FROM {quoted(name)}")  # noqa: S608 - a name of ours
        copy.commit()
        # One file by itself, which can be read where nothing may be written.
        copy.execute("PRAGMA journal_mode = delete")
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(str(found).split()))


def _synchronize(path: Path) -> None:
    """Let a file, or the names in a folder, outlast a power cut."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
