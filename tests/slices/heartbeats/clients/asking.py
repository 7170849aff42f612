"""A running server, checks on it, and what it has noted of them."""

from typing import Any, NamedTuple

import httpx


class Check(NamedTuple):
    """A check on a running server."""

    admin: httpx.Client
    id: str
    ping_url: str

    def shown(self) -> dict[str, Any]:
        """As it is now."""
        return answer_of(self.admin.get(f"/api/heartbeats/{self.id}"))

    def pings(self) -> list[dict[str, Any]]:
        """Its pings, oldest first."""
        items: list[dict[str, Any]] = answer_of(self.admin.get(f"/api/heartbeats/{self.id}/pings"))["items"]
        return items[::-1]

    def heard(self) -> list[tuple[str, str]]:
        """How its pings came, and what they meant; oldest first."""
        return [(ping["method"], ping["kind"]) for ping in self.pings()]

    def body(self, n: int = -1) -> bytes:
        """What a ping carried; by default the last one."""
        number = n if n > 0 else self.pings()[-1]["n"]
        return self.admin.get(f"/api/heartbeats/{self.id}/pings/{number}/body").raise_for_status().content


class Place(NamedTuple):
    """A running server, and somebody who may do all there."""

    url: str
    admin: httpx.Client

    def make_check(self, **fields: Any) -> Check:
        made = answer_of(self.admin.post("/api/heartbeats", json={"name": "Nightly backup", **fields}))
        return self.check(made["id"])

    def check(self, id: str) -> Check:
        """A check that is there."""
        return Check(self.admin, id, f"{self.url}/ping/{id}")

    def ping_key(self) -> str:
        """The key of ping URLs that name a check by its slug."""
        return str(answer_of(self.admin.get("/api/heartbeats/ping_key"))["ping_key"])

    def make_key(self, *scopes: str) -> str:
        """A key with just these scopes."""
        return str(answer_of(self.admin.post("/api/keys", json={"name": "program", "scopes": scopes}))["key"])


def answer_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer that must be good."""
    assert response.is_success, response.text
    answer: dict[str, Any] = response.json()
    return answer
