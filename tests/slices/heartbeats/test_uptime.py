"""How much of each day a check was up."""

import httpx

from tests.conftest import Settle
from tests.slices.heartbeats.conftest import Make, Ping
from tests.support import FrozenClock


async def test_days_are_told_with_their_downtimes(
    client: httpx.AsyncClient, make: Make, ping: Ping, clock: FrozenClock, settle: Settle
) -> None:
    made = await make()
    clock.advance(hours=1)
    await ping(made)  # 10:00, due at 11:00, down at 11:10
    clock.advance(hours=4)
    await settle()
    await ping(made)  # 14:00
    clock.advance(hours=1)
    await ping(made, "/fail")  # 15:00
    clock.advance(hours=24)
    url = f"/api/heartbeats/{made['id']}/uptime"
    found = (await client.get(url, params={"days": 3})).json()
    assert [day["date"] for day in found["days"]] == ["2026-01-30", "2026-01-31", "2026-02-01"]
    before, first, today = found["days"]
    assert (before["uptime"], before["unknown_seconds"]) == (None, 86_400)
    up, down = (70 + 60) * 60, (170 + 9 * 60) * 60
    assert (first["up_seconds"], first["down_seconds"], first["downtimes"]) == (up, down, 2)
    assert first["unknown_seconds"] == 86_400 - up - down
    assert first["uptime"] == round(up / (up + down), 6)
    assert (today["up_seconds"], today["down_seconds"], today["downtimes"]) == (0, 15 * 3600, 1)
    assert [(each["began_at"], each["ended_at"], each["seconds"], each["reason"]) for each in found["downtimes"]] == [
        ("2026-01-31T15:00:00Z", None, 24 * 3600, "fail"),
        ("2026-01-31T11:10:00Z", "2026-01-31T14:00:00Z", 170 * 60, "timeout"),
    ]
    await client.post(f"/api/heartbeats/{made['id']}/pause")
    clock.advance(hours=2)
    assert (await client.get(url, params={"days": 1})).json()["days"][0]["unknown_seconds"] == 9 * 3600


async def test_an_outage_that_nobody_has_noticed_yet_counts(
    client: httpx.AsyncClient, make: Make, ping: Ping, clock: FrozenClock
) -> None:
    made = await make()
    await ping(made)
    clock.advance(hours=3)
    [day] = (await client.get(f"/api/heartbeats/{made['id']}/uptime", params={"days": 1})).json()["days"]
    assert (day["up_seconds"], day["down_seconds"]) == (70 * 60, 110 * 60)


async def test_days_are_those_of_a_zone_also_when_clocks_change(
    client: httpx.AsyncClient, make: Make, ping: Ping, clock: FrozenClock
) -> None:
    clock.advance(days=56)  # to the 28th of March, a day before clocks in Vienna go forward
    made = await make(schedule={"every_seconds": 7 * 86_400})
    await ping(made)
    clock.advance(days=2)
    url = f"/api/heartbeats/{made['id']}/uptime"
    days = (await client.get(f"{url}?days=3&timezone=Europe/Vienna")).json()["days"]
    assert [(day["date"], day["up_seconds"]) for day in days] == [
        ("2026-03-28", 14 * 3600), ("2026-03-29", 23 * 3600), ("2026-03-30", 11 * 3600)
    ]  # fmt: skip
    for wrong in ("timezone=Mars", "days=0", "days=401"):
        assert (await client.get(f"{url}?{wrong}")).status_code == 422
