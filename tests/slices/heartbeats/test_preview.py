"""A schedule is looked at before a check is given it."""

import httpx
import pytest

PREVIEW = "/api/heartbeats/preview"


async def test_it_tells_the_next_ten_times_in_words_and_in_utc(client: httpx.AsyncClient) -> None:
    answer = await client.get(PREVIEW, params={"cron": "30 2 * * 1-5", "timezone": "Europe/Vienna"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["in_words"] == "At 02:30 on Monday through Friday (Europe/Vienna)"
    assert told["times"][0] == {"at": "2026-02-02T01:30:00Z", "in_words": "Monday 2 February 2026, 02:30 CET"}
    assert len(told["times"]) == 10


async def test_times_that_end_are_told_as_far_as_they_go(client: httpx.AsyncClient) -> None:
    answer = await client.get(PREVIEW, params={"on_calendar": "2026-02-01 08:00:30"})
    assert [each["in_words"] for each in answer.json()["times"]] == ["Sunday 1 February 2026, 08:00:30 UTC"]


async def test_an_interval_counts_from_now(client: httpx.AsyncClient) -> None:
    answer = await client.get(PREVIEW, params={"every_seconds": 3600})
    assert answer.json()["times"][0]["at"] == "2026-01-31T10:00:00Z"


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ({"cron": "61 * * * *"}, "query/cron", "cron expression"),
        ({"cron": "* * * * *", "timezone": "Vienna"}, "query/timezone", "no time zone"),
        ({"on_calendar": "soon"}, "query/on_calendar", "OnCalendar expression"),
        ({"every_seconds": 5}, "query/every_seconds", "60"),
        ({"every_seconds": 60, "cron": "* * * * *"}, "query", "one of"),
    ],
)
async def test_a_wrong_schedule_is_refused_with_the_reason(
    client: httpx.AsyncClient, query: dict[str, str | int], pointer: str, detail: str
) -> None:
    answer = await client.get(PREVIEW, params=query)
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert detail in answer.json()["errors"][0]["detail"]


async def test_without_any_it_is_that_of_a_new_check(client: httpx.AsyncClient) -> None:
    assert (await client.get(PREVIEW)).json()["in_words"] == "Every day"
