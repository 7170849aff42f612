"""A made-up slice that keeps every rule, as the files of a folder; and ways to break one rule of it at a time."""

from collections.abc import Mapping

NOTES: Mapping[str, str] = {
    "__init__.py": '''"""Notes.

Short texts that a team keeps, newest first.
"""
''',
    "schemas.py": '''"""What a note is, and what is told about it."""

from typing import Annotated

from pydantic import Field

from slice_api.chassis import Event, Integer, Schema, Tags, Time

Title = Annotated[str, Field(min_length=1, max_length=200, examples=["Groceries"])]


class NewNote(Schema):
    """A note to be kept."""

    title: Title
    text: Annotated[str, Field(max_length=10_000, examples=["Milk, bread"])] = ""
    tags: Tags = []
    stars: Annotated[Integer, Field(ge=0, le=5)] = 0


class NoteChange(Schema):
    """What to change of a note; what is left out stays."""

    title: Title | None = None
    tags: Tags | None = None


class Note(NewNote):
    """A note."""

    id: str
    created_by: str
    created_at: Time


class NoteCreated(Event):
    """A note was kept."""

    topic = "notes.created"
    note: Note
''',
    "store.py": '''"""Notes by id, newest first."""

from slice_api.chassis import Collection, Page, PageQuery, Tx

from .schemas import Note

NOTES = Collection("notes", Note, indexes=("created_at",), search=("title",))


def newest(tx: Tx, page: PageQuery) -> Page[Note]:
    return tx.page(NOTES, page, order="-created_at")
''',
    "search.py": '''"""Notes by their title."""

from slice_api.chassis import Found, PageQuery, Tx, matches

from .store import NOTES


def search(tx: Tx, text: str, limit: int) -> list[Found]:
    """The newest notes that hold the text."""
    notes = tx.page(NOTES, PageQuery(limit=limit), order="-created_at", where=[matches(text)]).items
    return [Found(key=note.id, title=note.title) for note in notes]
''',
    "handlers.py": '''"""Keeping notes."""

from slice_api.chassis import Principal, Tx, invalid, new_id, not_found

from .schemas import NewNote, Note, NoteChange, NoteCreated
from .store import NOTES


def create_note(tx: Tx, new: NewNote, caller: Principal) -> Note:
    note = Note(id=new_id("note"), created_by=caller.key_id, created_at=tx.now, **new.model_dump())
    tx.insert(NOTES, note)
    tx.emit(NoteCreated(note=note), subject=note.id)
    return note


def read_note(tx: Tx, note_id: str) -> Note:
    note = tx.get(NOTES, note_id)
    if note is None:
        raise not_found("note", note_id)
    return note


def update_note(tx: Tx, note_id: str, change: NoteChange) -> Note:
    read_note(tx, note_id)
    fields = change.model_dump(exclude_unset=True)
    for name in fields:
        if fields[name] is None:
            raise invalid(f"#/{name}", "cannot be cleared")
    changed = tx.update(NOTES, note_id, lambda note: note.model_copy(update=fields))
    assert changed is not None
    return changed


def delete_note(tx: Tx, note_id: str) -> None:
    read_note(tx, note_id)
    tx.pop(NOTES, note_id)
''',
    "router.py": '''"""Notes over HTTP."""

from fastapi import APIRouter

from slice_api.chassis import Caller, Db, Page, Paging

from . import handlers, store
from .schemas import NewNote, Note, NoteChange

router = APIRouter()


@router.get("")
async def list_notes(db: Db, page: Paging) -> Page[Note]:
    """List the notes, newest first."""
    return await db.transact(store.newest, page)


@router.post("", status_code=201)
async def create_note(new: NewNote, db: Db, caller: Caller) -> Note:
    """Keep a note."""
    return await db.transact(handlers.create_note, new, caller)


@router.get("/{id}")
async def read_note(id: str, db: Db) -> Note:
    """Read one note."""
    return await db.transact(handlers.read_note, id)


@router.patch("/{id}")
async def update_note(id: str, change: NoteChange, db: Db) -> Note:
    """Change a note."""
    return await db.transact(handlers.update_note, id, change)


@router.delete("/{id}", status_code=204)
async def delete_note(id: str, db: Db) -> None:
    """Throw a note away."""
    await db.transact(handlers.delete_note, id)
''',
}


LEAST: Mapping[str, str] = {
    **NOTES,
    "router.py": NOTES["router.py"].partition('@router.get("/{id}")')[0].rstrip() + "\n",
}
"""The same with nothing but a list and a POST."""


def broken(file: str, old: str, new: str) -> dict[str, str]:
    """The notes with one place of one file changed."""
    assert old in NOTES[file], f"{file} has no {old!r}"
    return {**NOTES, file: NOTES[file].replace(old, new, 1)}
