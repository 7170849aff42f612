"""OpenFeature's own client for Python, unmodified, against a running server."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from tests.server import serving
from tests.support import ADMIN_KEY, needs

from .asking import FOR_ANNA, ON_OFF

pytestmark = needs("keys")

FLAGS: dict[str, dict[str, Any]] = {
    "boolean": {"variants": ON_OFF, "default_variant": "on"},
    "string": {"variants": {"a": "Grüße"}, "default_variant": "a"},
    "integer": {"variants": {"a": 10}, "default_variant": "a"},
    "float": {"variants": {"a": 0.0}, "default_variant": "a"},
    "object": {"variants": {"a": {"list": [1, {"deep": 0.5}]}}, "default_variant": "a", "metadata": {"team": "shop"}},
    "disabled": {"variants": ON_OFF, "default_variant": "on", "state": "DISABLED"},
    "code-default": {"variants": ON_OFF},
    "targeted": {"variants": ON_OFF, "default_variant": "off", "targeting": FOR_ANNA},
    "no-variant": {"variants": ON_OFF, "default_variant": "off", "targeting": {"if": [True, "maybe"]}},
}


@pytest.fixture(scope="module")
def client() -> Iterator[OpenFeatureClient]:
    with serving() as server, httpx.Client(base_url=server.url, headers={"X-API-Key": ADMIN_KEY}) as admin:
        for key, fields in FLAGS.items():
            admin.post("/api/flags", json={"key": key, **fields}).raise_for_status()
        made = admin.post("/api/keys", json={"name": "program", "scopes": ["flags:evaluate"]}).json()
        provider = OFREPProvider(server.url, headers_factory=lambda: {"Authorization": f"Bearer {made['key']}"})
        api.set_provider(provider, domain="flags")
        yield api.get_client(domain="flags")
        api.clear_providers()
        provider.session.close()


def test_values_have_their_types(client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("boolean", False) is True
    assert client.get_string_value("string", "none") == "Grüße"
    assert client.get_integer_value("integer", 1) == 10
    value = client.get_float_value("float", 1.0)
    assert (value, type(value)) == (0.0, float)
    assert client.get_object_value("object", {}) == {"list": [1, {"deep": 0.5}]}


def test_details_tell_reason_variant_and_metadata(client: OpenFeatureClient) -> None:
    details = client.get_object_details("object", {})
    assert (details.reason, details.variant, details.error_code) == (Reason.STATIC, "a", None)
    assert details.flag_metadata == {"team": "shop"}


def test_the_context_decides(client: OpenFeatureClient) -> None:
    anna = client.get_boolean_details("targeted", False, EvaluationContext("anna", {"plan": "pro"}))
    assert (anna.value, anna.reason, anna.variant) == (True, Reason.TARGETING_MATCH, "on")
    for context in (EvaluationContext("bert"), EvaluationContext(), None):
        other = client.get_boolean_details("targeted", True, context)
        assert (other.value, other.reason, other.variant) == (False, Reason.DEFAULT, "off")


@pytest.mark.parametrize(("key", "reason"), [("disabled", Reason.DISABLED), ("code-default", Reason.DEFAULT)])
def test_without_a_value_the_code_decides_and_nothing_is_wrong(
    client: OpenFeatureClient, key: str, reason: Reason
) -> None:
    for default in (True, False):
        details = client.get_boolean_details(key, default)
        assert (details.value, details.reason, details.error_code) == (default, reason, None)


@pytest.mark.parametrize(
    ("key", "code"),
    [("nope", ErrorCode.FLAG_NOT_FOUND), ("no-variant", ErrorCode.GENERAL), ("string", ErrorCode.TYPE_MISMATCH)],
)
def test_errors_are_told_and_the_code_decides(client: OpenFeatureClient, key: str, code: ErrorCode) -> None:
    details = client.get_boolean_details(key, True)
    assert (details.value, details.reason, details.error_code) == (True, Reason.ERROR, code)
    assert details.error_message
