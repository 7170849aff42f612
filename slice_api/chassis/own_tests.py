"""The tests of a slice as text: how many there are, and which addresses they ask."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_ANYTHING: Final = "\0"
"""Stands in an address for what is only known when the test runs."""


class FileOfTests(NamedTuple):
    """One file of tests: the addresses written in it, and the methods that it sends."""

    tests: int
    """How many test functions there are; one with parameters is one."""
    addresses: frozenset[str]
    methods: frozenset[str]


class OwnTests(NamedTuple):
    """The folder of a slice's tests, and what stands in it; no files when there is no such folder."""

    folder: Path
    files: tuple[FileOfTests, ...]

    @property
    def tests(self) -> int:
        """How many test functions there are in all."""
        return sum(file.tests for file in self.files)


def own_tests_of(slice_folder: Path) -> OwnTests | None:
    """The tests of a slice in a tree that has tests of slices (`tests/slices/<name>/`); None in any other."""
    folder = slice_folder.parent.parent.parent / "tests" / "slices" / slice_folder.name
    if not folder.parent.is_dir():
        return None
    return OwnTests(folder, tuple(_read(path) for path in sorted(folder.rglob("*.py"))))


def _read(path: Path) -> FileOfTests:
    try:
        tree = ast.parse(path.read_text(errors="replace"))
    except (SyntaxError, ValueError):  # pytest tells of it
        return FileOfTests(0, frozenset(), frozenset())
    nodes = list(ast.walk(tree))
    texts = frozenset(_texts(nodes))
    sent = {each.attr.upper() for each in nodes if isinstance(each, ast.Attribute) and each.attr in _METHODS}
    methods = sent | {each for each in texts if each.lower() in _METHODS}
    addresses = {address for each in texts if "/" in (address := re.split(r"[?#]", each)[0])}
    return FileOfTests(sum(map(_is_test, nodes)), frozenset(addresses), frozenset(methods))


def _is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


def _texts(nodes: list[ast.AST]) -> Iterator[str]:
    """Every text in the code, with a mark in place of what is put into it."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{\w*\}", _ANYTHING, node.value)
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else _ANYTHING for each in node.values)


def mentions(file: FileOfTests, method: str, path: str) -> bool:
    """Whether a file of tests sends this method and has an address that fits the path's template.

    What is fixed in the template must stand in the address; only its start may be put in when the test runs, as in
    `f"{url}/visits"`.
    """
    return method in file.methods and any(_fits(address, path) for address in file.addresses)


def _fits(address: str, path: str) -> bool:
    wanted, written = path.split("/")[1:], address.split("/")
    start, written = written[0], written[1:]
    if start == _ANYTHING:
        wanted = wanted[-len(written) :]
    if start not in ("", _ANYTHING) or (start and all(each.startswith("{") for each in wanted)):
        return False
    if len(written) > len(wanted) and wanted[-1].startswith("{"):  # the last parameter may take several parts
        written = [*written[: len(wanted) - 1], "/".join(written[len(wanted) - 1 :])]
    pairs = zip(wanted, written, strict=False)
    return len(wanted) == len(written) and all(_fits_part(part, text) for part, text in pairs)


def _fits_part(part: str, text: str) -> bool:
    fixed = [re.escape(each) for each in re.split(r"\{[^}]*\}", part)]
    return re.fullmatch("(?s:.+)".join(fixed), text) is not None
