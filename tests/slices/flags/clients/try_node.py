"""OpenFeature's own clients for Node and for browsers, unmodified, against a running server: `make test-clients`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import playwright
import pytest

from tests.server import ROOT, serving
from tests.support import ADMIN_KEY

MODULES = ROOT / ".tools/clients/flags/node_modules"
NODE = Path(playwright.__file__).parent / "driver/node"
PATIENCE_SECONDS = 30

ON_OFF = {"on": True, "off": False}
FLAGS: dict[str, dict[str, Any]] = {
    "boolean": {"variants": ON_OFF, "default_variant": "on"},
    "string": {"variants": {"a": "Grüße"}, "default_variant": "a"},
    "float": {"variants": {"a": 0.5}, "default_variant": "a"},
    "object": {"variants": {"a": {"list": [1, {"deep": 0.5}]}}, "default_variant": "a", "metadata": {"team": "shop"}},
    "disabled": {"variants": ON_OFF, "default_variant": "on", "state": "DISABLED"},
    "code-default": {"variants": ON_OFF},
    "targeted": {
        "variants": ON_OFF,
        "default_variant": "off",
        "targeting": {"if": [{"==": [{"var": "targetingKey"}, "anna"]}, "on", None]},
    },
    "paying": {
        "variants": ON_OFF,
        "default_variant": "off",
        "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on"]},
    },
    "no-variant": {"variants": ON_OFF, "default_variant": "off", "targeting": {"if": [True, "maybe"]}},
}


class Place(NamedTuple):
    """A server with these flags, and a key that can only evaluate them."""

    url: str
    key: str


@pytest.fixture
def place() -> Iterator[Place]:
    with serving() as server, httpx.Client(base_url=server.url, headers={"X-API-Key": ADMIN_KEY}) as admin:
        for key, fields in FLAGS.items():
            admin.post("/api/flags", json={"key": key, **fields}).raise_for_status()
        made = admin.post("/api/keys", json={"name": "program", "scopes": ["flags:evaluate"]}).json()
        yield Place(server.url, made["key"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The programs, with their packages beside them."""
    if not (MODULES / ".package-lock.json").exists():
        pytest.fail("The packages of the clients are not there. Type `make test-clients`.")
    (tmp_path / "node_modules").symlink_to(MODULES)
    for program in Path(__file__).parent.glob("*.mjs"):
        (tmp_path / program.name).write_text(program.read_text())
    return tmp_path


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    """What a program tells."""
    done = subprocess.run(
        [str(NODE), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_client_for_servers_is_given_values_reasons_and_errors(folder: Path, place: Place) -> None:
    told = run(folder, "server.mjs", *place)
    boolean = {"value": True, "reason": "STATIC", "variant": "on", "flagMetadata": {}}
    assert told["boolean"] == boolean
    assert told["string"]["value"] == "Grüße"
    assert told["float"]["value"] == 0.5
    assert told["object"]["value"] == FLAGS["object"]["variants"]["a"]
    assert told["object"]["flagMetadata"] == {"team": "shop"}
    assert (told["anna"]["value"], told["anna"]["reason"]) == (True, "TARGETING_MATCH")
    for who in ("bert", "nobody"):
        assert (told[who]["value"], told[who]["reason"]) == (False, "DEFAULT")
    errors = {name: told[name].get("errorCode") for name in ("unknown", "noVariant", "wrongType")}
    assert errors == {"unknown": "FLAG_NOT_FOUND", "noVariant": "GENERAL", "wrongType": "TYPE_MISMATCH"}
    # This version of it takes no answer without a value; what it hands out is right.
    for name in ("unknown", "noVariant", "disabled", "codeDefault"):
        assert told[name]["value"] is True


@pytest.mark.parametrize("mode", ["polling", "sse"])
def test_the_client_for_browsers_follows_changes(folder: Path, place: Place, mode: str) -> None:
    told = run(folder, "web.mjs", mode, *place, ADMIN_KEY)
    first, changed, other = told["atFirst"], told["afterChange"], told["afterContext"]
    assert (first["boolean"], first["string"], first["float"], first["paying"]) == ("on", "Grüße", 0.5, "off")
    assert first["object"] == FLAGS["object"]["variants"]["a"]
    assert (first["disabled"]["value"], first["disabled"]["reason"]) == (True, "DISABLED")
    assert first["unknown"]["errorCode"] == "FLAG_NOT_FOUND"
    assert first["noVariant"]["errorCode"] == "GENERAL"
    assert (changed["boolean"], told["changed"][0]) == ("off", ["boolean"])
    assert (other["boolean"], other["paying"]) == ("off", "on")
    statuses = [each["status"] for each in told["asked"]]
    assert set(statuses) <= {200, 304}
    if mode == "polling":
        assert 304 in statuses
        assert told["streams"] == 0
    else:
        assert [each["status"] for each in told["afterChangeAsked"]] == [200]
        assert "flagConfigEtag=" in told["afterChangeAsked"][0]["query"]
        assert told["streams"] == 1
