"""Clients made from /openapi.json as the README says: they compile, and its programs make a link with them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import playwright
import pytest

from tests.server import MYPY_CACHE, ROOT, Server, readme_blocks, serving
from tests.support import ADMIN_KEY, needs

PROGRAMS = readme_blocks()
MODULES = ROOT / ".tools/typescript/node_modules"
NODE = Path(playwright.__file__).parent / "driver/node"
_MYPY_CACHE = MYPY_CACHE / "clients"
"""A place of its own: other options make everything be found anew."""
TARGET = "https://example.org/made-by-a-client"
NO_SUCH_BODY = """
export const takesNoOtherBody = (client: ReturnType<typeof createClient<paths>>) =>
  // @ts-expect-error: a link needs the address it leads to
  client.POST("/api/links", { body: { title: "nowhere" } });
"""


_CONFIG = {
    "package_name_override": "slice_api_client",
    "post_hooks": [],
    # The generator knows neither pictures nor tables; as bytes it takes them.
    "content_type_overrides": dict.fromkeys(
        ("image/svg+xml", "image/png", "text/csv", "application/x-ndjson"), "application/octet-stream"
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def document(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI document as a file."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(httpx.get(f"{server.url}/openapi.json").content)
    return path


def _run(*command: object, folder: Path) -> str:
    arguments, variables = [str(part) for part in command], {**os.environ, "MYPY_CACHE_DIR": str(_MYPY_CACHE)}
    done = subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python_client(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a generated Python client is imported from."""
    folder = tmp_path_factory.mktemp("python")
    (folder / "config.json").write_text(json.dumps(_CONFIG))
    options = ("--meta", "none", "--config", "config.json", "--fail-on-warning", "--output-path", "slice_api_client")
    _run(sys.executable, "-m", "openapi_python_client", "generate", "--path", document, *options, folder=folder)
    return folder


def test_the_python_client_is_made_without_a_warning_and_its_types_hold(python_client: Path) -> None:
    assert "Success" in _run(sys.executable, "-m", "mypy", "slice_api_client", folder=python_client)


@needs("links")
def test_the_python_client_makes_a_link(python_client: Path, server: Server) -> None:
    (python_client / "make_link.py").write_text(PROGRAMS["client", "make_link.py"])
    said = _run(sys.executable, "make_link.py", server.url, ADMIN_KEY, TARGET, folder=python_client)
    assert httpx.get(said.strip()).headers["Location"] == TARGET


@pytest.fixture(scope="module")
def typescript_client(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generated types, and the packages that a program with them needs."""
    if not (MODULES / ".package-lock.json").exists():
        pytest.fail("The TypeScript tools are not there. Type `make test`; where npm cannot be fetched, install it.")
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    options = ("--default-non-nullable=false", "--output", "schema.d.ts")
    _run(NODE, MODULES / "openapi-typescript/bin/cli.js", document, *options, folder=folder)
    return folder


_STRICT = ("--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "esnext")
_MODERN = ("--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", "--skipLibCheck", "false")


def test_the_typescript_types_compile(typescript_client: Path) -> None:
    _run(NODE, MODULES / "typescript/bin/tsc", "--noEmit", *_STRICT, *_MODERN, "schema.d.ts", folder=typescript_client)


@needs("links")
def test_a_typescript_program_compiles_and_makes_a_link(typescript_client: Path, server: Server) -> None:
    (typescript_client / "make_link.ts").write_text(PROGRAMS["client", "make_link.ts"] + NO_SUCH_BODY)
    _run(NODE, MODULES / "typescript/bin/tsc", *_STRICT, *_MODERN, "make_link.ts", folder=typescript_client)
    call = f"makeLink({server.url!r}, {ADMIN_KEY!r}, {TARGET!r})"
    program = f'import {{ makeLink }} from "./make_link.js"; console.log(JSON.stringify(await {call}))'
    made = json.loads(_run(NODE, "--input-type=module", "--eval", program, folder=typescript_client))
    assert httpx.get(made["short_url"]).headers["Location"] == TARGET
    assert made["tags"] == ["typescript"]
