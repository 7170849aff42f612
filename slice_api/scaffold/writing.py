"""Writing a new slice and its tests, beside the others and over nothing."""

import importlib.util
import json
import keyword
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from slice_api.chassis.assembly import OWN_STORES
from slice_api.chassis.discovery import OWN_SEGMENTS, find_slices
from slice_api.scaffold.fields import Field, Refused, parse_fields, quoted
from slice_api.scaffold.words import words_of

ROOT = Path(__file__).parent.parent.parent
PACKAGE = "slice_api.slices"

_TEMPLATE = Path(__file__).parent / "template"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME = 32
_OWN_NAMES = OWN_SEGMENTS | {"chassis"} | {store.name for store in OWN_STORES}

_CLEARED = """
async def test_null_clears_what_is_optional(client: httpx.AsyncClient) -> None:
    made = await make(client)
    answer = await client.patch(f"/api/$name/{made['id']}", json={$nulls})
    assert answer.json() == {**made, $nulls}

"""
_NOT_CLEARED = """
async def test_what_must_be_there_cannot_be_cleared(client: httpx.AsyncClient) -> None:
    made = await make(client)
    for field in $required:
        answer = await client.patch(f"/api/$name/{made['id']}", json={field: None})
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"#/{field}"]

"""


def files_of(name: str, fields: Sequence[Field], package: str = PACKAGE) -> dict[str, str]:
    """The files of a new slice by name, its tests as `test.py`."""
    given = _placeholders(name, fields, f"{package}.{name}")
    texts = {path.name.removesuffix(".txt"): path.read_text() for path in sorted(_TEMPLATE.glob("*.py.txt"))}
    return {file: _with_imports_in_order(Template(text).substitute(given)) for file, text in texts.items()}


def _placeholders(name: str, fields: Sequence[Field], package: str) -> dict[str, str]:
    words = words_of(name)
    own_types = {each.kind.annotation for each in fields if each.kind.annotation[0].isupper()}
    return {
        "name": name,
        "package": package,
        "noun": words.noun,
        "Model": words.model,
        "COLLECTION": name.upper(),
        "one": words.one,
        "plural": words.many,
        "Plural": words.many.capitalize(),
        "a_noun": words.a_noun,
        "test_noun": words.a_noun.replace(" ", "_"),
        "A_noun": words.a_noun.capitalize(),
        "chassis_names": ", ".join(sorted({"Change", "Event", "Schema", "Time", *own_types})),
        "fields": "\n".join(f"    {each.line}" for each in fields),
        "given": quoted({each.name: each.example for each in fields}),
        "change": quoted({each.name: each.other for each in fields[:1]}),
        "clearing": _clearing_tests(name, fields),
    }


def _clearing_tests(name: str, fields: Sequence[Field]) -> str:
    nulls = ", ".join(f'"{each.name}": None' for each in fields if each.is_optional)
    required = [each.name for each in fields if not each.is_optional]
    given = {"name": name, "nulls": nulls, "required": quoted(required)}
    chosen = [_CLEARED] * bool(nulls) + [_NOT_CLEARED] * bool(required)
    return "\n".join(Template(text).substitute(given) for text in chosen)


def _with_imports_in_order(text: str) -> str:
    def in_order(found: re.Match[str]) -> str:
        return found[1] + ", ".join(sorted(found[2].split(", "), key=lambda name: (name[0].islower(), name)))

    return re.sub(r"^(from \S+ import )(.+)$", in_order, text, flags=re.MULTILINE)


def check_name(name: str, root: Path = ROOT, packages: Sequence[str] = (PACKAGE,)) -> None:
    """Raise Refused when no slice of that name can be made in the tree at `root`."""
    if not name:
        raise Refused("A slice needs a name: make new name=polls")
    if _NAME.fullmatch(name) is None or len(name) > _LONGEST_NAME or keyword.iskeyword(name):
        wanted = f"lower-case letters, digits and single underscores, at most {_LONGEST_NAME}, no word of Python's own"
        raise Refused(f"{name!r} is no name of a slice: {wanted}; such as polls")
    for folder in (root / "slice_api/slices" / name, root / "tests/slices" / name):
        if folder.exists() or folder.is_symlink():
            raise Refused(f"{folder.relative_to(root)} is there already, and nothing is written over: name another")
    owner = _owners(name, packages).get(name)
    if owner:
        raise Refused(f"{name} is taken by {owner}: choose another name")


def _owners(name: str, packages: Sequence[str]) -> Mapping[str, str]:
    """Who has a claim on which names; on this one too, when somebody's objects are called the same."""
    owners: dict[str, str] = {}
    for each in find_slices(packages):
        owners |= dict.fromkeys(each.root_segments, f"a path of the slice {each.name}")
        owners |= {store.name: f"a store of the slice {each.name}" for store in each.stores}
        owners |= {each.name: f"the slice {each.name}"}
        if words_of(each.name).model == words_of(name).model:
            owners |= {name: f"the slice {each.name}, whose objects would be called the same"}
    return owners | dict.fromkeys(_OWN_NAMES, "the service itself")


def write_slice(name: str, fields: Sequence[Field], root: Path = ROOT) -> None:
    """Write the slice and its tests into the tree at `root`, in the form that the linters want."""
    slice_folder, tests_folder = root / "slice_api/slices" / name, root / "tests/slices" / name
    files = files_of(name, fields)
    for folder in (slice_folder, tests_folder):
        folder.mkdir(parents=True)
    for file, text in files.items():
        path = tests_folder / f"test_{name}.py" if file == "test.py" else slice_folder / file
        path.write_text(text)
    if _is_installed("ruff"):
        _run("ruff", "format", "--quiet", str(slice_folder), str(tests_folder), root=root)


def is_testable() -> bool:
    """Whether what tests need is installed: not where the service only runs."""
    return _is_installed("pytest")


def try_slice(name: str, root: Path = ROOT) -> bool:
    """Whether the slice's own tests and the conformance tests over it pass, in memory; they say what does not."""
    chosen = f"{name} and not sqlite and not postgresql"
    return _run("pytest", f"tests/slices/{name}", "tests/conformance", "-k", chosen, root=root)


def next_steps(name: str, fields: Sequence[Field]) -> str:
    """What to try next: start the server, make one, look at it."""
    body = json.dumps({each.name: each.example for each in fields if not each.is_optional})
    key, url = "change-me-to-something-long", "http://127.0.0.1:8000"
    headers = f'-H "Authorization: Bearer {key}" -H "Content-Type: application/json"'
    return (
        f"SLICE_ADMIN_KEY={key} make run\n"
        f"curl -sS {headers} -d '{body}' {url}/api/{name}\n"
        f"Its page: {url}/app/{name}  Its docs: {url}/docs#{name}\n"
    )


def make_slice(name: str, field_list: str) -> Sequence[Field]:
    """Make a slice in this tree; raises Refused, with nothing written, when it cannot be made as asked for."""
    check_name(name)
    fields = parse_fields(field_list)
    write_slice(name, fields)
    return fields


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _run(module: str, *arguments: str, root: Path) -> bool:
    command = (sys.executable, "-m", module, *arguments)  # no shell reads them
    return subprocess.run(command, cwd=root, check=False).returncode == 0  # noqa: S603
