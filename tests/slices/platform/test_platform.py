"""What the service says of itself: catalogue, document, pages on errors, health, figures."""

import gzip
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from slice_api.chassis.problems import PROBLEM_TYPES
from tests.conftest import ClientWith
from tests.support import chassis_of, client_of, make_app, running

# The catalogue


async def _rows(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await client.get("/api")
    assert answer.status_code == 200
    return {row["name"]: row for row in answer.json()["items"]}


async def test_the_catalogue_names_every_slice_that_is_loaded(anonymous: httpx.AsyncClient, app: FastAPI) -> None:
    rows = await _rows(anonymous)
    assert list(rows) == sorted(each.name for each in chassis_of(app).slices)
    for each in chassis_of(app).slices:
        row = rows[each.name]
        assert (row["title"], row["description"]) == (each.title, each.description)
        assert row["docs_url"] == f"/docs#{each.name}"


async def test_the_counts_of_routes_add_up(anonymous: httpx.AsyncClient, app: FastAPI) -> None:
    targets = list(chassis_of(app).table.targets)
    for name, row in (await _rows(anonymous)).items():
        counts = row["routes"]
        own = [target for target in targets if target.slice_name == name]
        assert counts["total"] == len(own)
        assert counts["public"] == sum(target.scope is None for target in own)
        assert counts["read"] == sum((target.scope or "").endswith(":read") for target in own)
        assert counts["public"] + counts["read"] + counts["write"] <= counts["total"]


async def test_the_catalogue_leads_to_pages_and_paths_that_open(anonymous: httpx.AsyncClient) -> None:
    for row in (await _rows(anonymous)).values():
        for address in filter(None, (row["page_url"], row["page_script"], row["docs_url"].partition("#")[0])):
            answer = await anonymous.get(address)
            assert answer.status_code in (200, 404), address
            assert answer.status_code == 200 or "front" not in await _rows(anonymous)


async def test_a_slice_that_is_left_out_is_gone_from_everything() -> None:
    async with running(make_app(disabled=("activity",))) as app, client_of(app) as client:
        assert "activity" not in await _rows(client)
        assert "/api/activity" not in (await client.get("/openapi.json")).json()["paths"]
        assert (await client.get("/api/activity")).status_code == 404


async def test_the_catalogue_is_kept_until_it_changes(anonymous: httpx.AsyncClient) -> None:
    etag = (await anonymous.get("/api")).headers["etag"]
    answer = await anonymous.get("/api", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


# The OpenAPI document


async def test_the_document_is_the_apps_own(anonymous: httpx.AsyncClient, app: FastAPI) -> None:
    answer = await anonymous.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == app.openapi()
    assert answer.json()["info"]["version"] == app.version


async def test_the_document_is_kept_until_it_changes(anonymous: httpx.AsyncClient) -> None:
    first = await anonymous.get("/openapi.json")
    assert first.headers["etag"].startswith('"')
    assert first.headers["cache-control"] == "no-cache"
    for asked in (first.headers["etag"], f"W/{first.headers['etag']}", "*"):
        answer = await anonymous.get("/openapi.json", headers={"If-None-Match": asked})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == first.headers["etag"]


async def test_the_document_is_compressed_for_those_who_take_it(anonymous: httpx.AsyncClient) -> None:
    plain = await anonymous.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    small = await anonymous.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == plain.content
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert small.headers["etag"] != plain.headers["etag"], "a strong ETag stands for exact bytes"
    assert "accept-encoding" in plain.headers["vary"].lower()


# Pages on errors


@pytest.mark.parametrize("name", PROBLEM_TYPES)
async def test_every_kind_of_error_has_its_page(anonymous: httpx.AsyncClient, name: str) -> None:
    answer = await anonymous.get(f"/problems/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert PROBLEM_TYPES[name].title in answer.text
    assert str(PROBLEM_TYPES[name].status) in answer.text
    assert "<script" not in answer.text


async def test_a_page_on_an_error_loads_nothing_from_elsewhere(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/problems/not-found")
    assert "//" not in answer.text
    assert "script" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["nothing", "Not-Found", "<script>alert(1)</script>", "not-found.html", "%2e%2e"])
async def test_a_kind_of_error_that_does_not_exist_is_404(anonymous: httpx.AsyncClient, name: str) -> None:
    answer = await anonymous.get(f"/problems/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


# Health


async def test_it_lives_and_is_ready(anonymous: httpx.AsyncClient) -> None:
    for path in ("/livez", "/readyz"):
        answer = await anonymous.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_while_it_shuts_down_it_lives_but_is_not_ready(anonymous: httpx.AsyncClient, app: FastAPI) -> None:
    chassis_of(app).begin_shutdown()
    answer = await anonymous.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "failing": ["shutting down"]})
    assert int(answer.headers["retry-after"]) >= 1
    assert (await anonymous.get("/livez")).status_code == 200


async def test_a_part_that_is_away_is_named(
    anonymous: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_away() -> None:
        raise ConnectionError("secret://user:password@host")

    monkeypatch.setattr(chassis_of(app).storage, "check", is_away)
    answer = await anonymous.get("/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, ["storage"])
    assert "password" not in answer.text
    assert "slice_storage_up 0" in chassis_of(app).metrics.text().decode()


async def test_readiness_is_asked_for_each_time(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/readyz")).headers["cache-control"] == "no-store"


async def test_while_it_shuts_down_changes_are_refused_and_reading_works(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    chassis_of(app).begin_shutdown()
    answer = await client.delete("/api/session")
    if answer.status_code == 404:
        pytest.skip("there is nothing to change")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert answer.headers["retry-after"]
    assert (await client.get("/api")).status_code == 200


# Figures


@pytest.fixture
async def public_metrics() -> AsyncIterator[httpx.AsyncClient]:
    async with running(make_app(metrics_public=True)) as app, client_of(app, key=None) as client:
        yield client


def _samples(text: str, name: str, **labels: str) -> Sequence[float]:
    return [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


async def test_figures_need_the_admin_scope(anonymous: httpx.AsyncClient, client_with: ClientWith) -> None:
    answer = await anonymous.get("/metrics")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    refused = await client_with("platform:read", "keys:read").get("/metrics")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/missing-scope")
    assert "admin" in refused.json()["detail"]
    assert (await client_with("admin").get("/metrics")).status_code == 200


async def test_a_setting_makes_figures_public(public_metrics: httpx.AsyncClient) -> None:
    answer = await public_metrics.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")


async def test_requests_are_counted_by_slice_route_method_and_status(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/livez")
    await client.get("/problems/nothing")
    await client.get("/problems/nothing-either")
    text = (await client.get("/metrics")).text
    counts = "slice_requests_total"
    assert _samples(text, counts, slice="platform", route="/livez", method="GET", status="2xx") == [3]
    assert _samples(text, counts, slice="platform", route="/problems/{type}", method="GET", status="4xx") == [2]
    assert _samples(text, "slice_request_duration_seconds_count", route="/livez", method="GET") == [3]


async def _ask_nonsense(client: httpx.AsyncClient, numbers: range) -> str:
    """What /metrics says after requests that a stranger may think up."""
    for number in numbers:
        await client.get(f"/api/nothing-{number}")
        await client.get(f"/problems/nothing-{number}")
        await client.request(f"ODD{number}", "/livez")
    return (await client.get("/metrics")).text


async def test_strangers_cannot_make_figures_grow(client: httpx.AsyncClient) -> None:
    await _ask_nonsense(client, range(2))
    before = await _ask_nonsense(client, range(2, 4))
    after = await _ask_nonsense(client, range(4, 30))
    assert len(after.splitlines()) == len(before.splitlines()), "the labels are templates and known methods"
    assert "nothing-7" not in after
    assert "ODD7" not in after


async def test_figures_of_two_apps_are_apart(client: httpx.AsyncClient, public_metrics: httpx.AsyncClient) -> None:
    await client.get("/livez")
    text = (await public_metrics.get("/metrics")).text
    assert _samples(text, "slice_requests_total", route="/livez") == []


async def test_figures_tell_of_the_request_in_hand(client: httpx.AsyncClient) -> None:
    assert _samples((await client.get("/metrics")).text, "slice_requests_running") == [1]
    assert _samples((await client.get("/metrics")).text, "slice_requests_running") == [1]


def test_compressed_forms_are_the_same_every_time() -> None:
    files = [chassis_of(make_app()).web.files for _ in range(2)]
    assert files[0] == files[1]
    assert all(gzip.decompress(each.compressed) == each.content for each in files[0].values() if each.compressed)
