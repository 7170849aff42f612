"""The versions of a flag, what is different between them, and the way back."""

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from slice_api.slices.flags.history.diffs import diff, is_same
from slice_api.slices.flags.schemas import Patch
from tests.conftest import AssertEvents, on_every_engine
from tests.support import FrozenClock, needs
from tests.told import told

from .conftest import FOR_STAFF, MakeFlag

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, -0.5]) | st.text("a~/", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a~/b", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def patched(value: object, steps: list[Patch]) -> object:
    """The value after all steps, as RFC 6902 has it, for steps that go into objects alone."""
    for step in steps:
        if not step.path:
            return step.value
        names = [name.replace("~1", "/").replace("~0", "~") for name in step.path.split("/")[1:]]
        place = value
        for name in names[:-1]:
            assert isinstance(place, dict)
            place = place[name]
        assert isinstance(place, dict)
        if step.op == "remove":
            assert is_same(place.pop(names[-1]), step.old)
        else:
            assert (names[-1] in place) == (step.op == "replace")
            place[names[-1]] = step.value
    return value


def copied(value: object) -> object:
    return {name: copied(each) for name, each in value.items()} if isinstance(value, dict) else value


@settings(max_examples=200)
@given(old=_VALUES, new=_VALUES)
def test_the_steps_lead_from_one_version_to_the_next(old: object, new: object) -> None:
    steps = diff(old, new)
    assert is_same(patched(copied(old), steps), new)
    assert (steps == []) == is_same(old, new)


def test_values_of_other_types_are_not_the_same() -> None:
    assert [step.value for step in diff({"a": 0, "b": True}, {"a": 0.0, "b": 1})] == [0.0, 1]


@needs("session")
async def test_every_change_is_a_version_that_tells_who_and_what(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock
) -> None:
    await make_flag(targeting=FOR_STAFF)
    clock.advance(minutes=1)
    await client.patch("/api/flags/checkout", json={"default_variant": "on", "targeting": None})
    who = (await client.get("/api/session")).json()["key_id"]
    newest, first = (await client.get("/api/flags/checkout/history")).json()["items"]
    assert first == {
        "revision": 1,
        "action": "created",
        "at": "2026-01-31T09:00:00Z",
        "by": who,
        "diff": [],
        "flag": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
            "targeting": FOR_STAFF,
        },
    }
    assert (newest["revision"], newest["action"], newest["at"]) == (2, "updated", "2026-01-31T09:01:00Z")
    assert newest["diff"] == [
        {"op": "remove", "path": "/targeting", "value": None, "old": FOR_STAFF},
        {"op": "replace", "path": "/defaultVariant", "value": "on", "old": "off"},
    ]


@on_every_engine
async def test_a_rollback_is_a_new_version(
    client: httpx.AsyncClient, make_flag: MakeFlag, assert_events: AssertEvents
) -> None:
    made = await make_flag(targeting=FOR_STAFF, description="As it was")
    for state in ("DISABLED", "ENABLED"):
        await client.patch("/api/flags/checkout", json={"state": state, "description": state, "targeting": None})
    answer = await client.post("/api/flags/checkout/rollback", json={"revision": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json() == made | {"revision": 4}
    versions = (await client.get("/api/flags/checkout/history")).json()["items"]
    assert [(each["revision"], each["action"]) for each in versions[:2]] == [(4, "rolled_back"), (3, "updated")]
    assert versions[0]["flag"] == versions[3]["flag"]
    await assert_events(
        told("flags.created"),
        *(told("flags.updated", action="updated") for _ in range(2)),
        told("flags.updated", "checkout", action="rolled_back", revision=4),
    )


async def test_a_rollback_to_what_is_there_changes_nothing(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    made = await make_flag()
    assert (await client.post("/api/flags/checkout/rollback", json={"revision": 1})).json() == made


async def test_there_is_no_way_back_to_a_version_that_never_was(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    for number in (0, 2, -1):
        answer = await client.post("/api/flags/checkout/rollback", json={"revision": number})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "#/revision"
    assert (await client.post("/api/flags/nothing/rollback", json={"revision": 1})).status_code == 404
