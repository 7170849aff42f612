"""Dispatch that costs the same with one slice and with a thousand.

FastAPI asks every included router in turn, and the chosen one twice. This one route stands first, always matches, and
answers from a table: whole static paths, then patterns by first segment (two under `/api`). The table is filled from
`fastapi.routing.iter_route_contexts`, so the routes themselves, the OpenAPI document, dependency overrides and
`url_path_for` stay FastAPI's own. Where both fit, a static path wins over a pattern, with every method: `export` beside
`{id}` is no object, whatever is asked of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from starlette.convertors import PathConvertor, StringConvertor
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from slice_api.chassis.cors import any_origin_headers, without_origin
from slice_api.chassis.exchange import Exchange, exchange_of
from slice_api.chassis.gate import admit, has_repeat_key, run
from slice_api.chassis.policies import Target
from slice_api.chassis.problems import method_not_allowed, nothing_here

_TEXTS: Final = (StringConvertor, PathConvertor)


@dataclass(slots=True)
class Place:
    """One path template with the methods it is offered for."""

    path: str
    pattern: re.Pattern[str]
    convertors: Mapping[str, Any]
    targets: dict[str, Target] = field(default_factory=dict)
    is_plain: bool = False
    """Whether all its parameters are texts, so that nothing need be converted."""

    @property
    def is_open_ended(self) -> bool:
        """Whether its last parameter takes slashes in, and so whatever paths lie below."""
        return self.pattern.pattern.endswith(".*)$")

    def add(self, target: Target) -> None:
        self.targets.setdefault(target.method, target)

    @property
    def allow(self) -> set[str]:
        """The methods it is offered for, with those that every route has."""
        return {*self.targets, "OPTIONS", *(("HEAD",) if "GET" in self.targets else ())}

    def converted(self, found: re.Match[str]) -> dict[str, Any]:
        """The parameters in a path that it fits."""
        convert = self.convertors
        return {name: convert[name].convert(value) for name, value in found.groupdict().items()}

    def target_for(self, method: str) -> Target | None:
        return self.targets.get("GET" if method == "HEAD" and "HEAD" not in self.targets else method)


def segment_of(path: str) -> str:
    """What a path is filed under: its first segment, with the second one under `/api`."""
    end = path.find("/", 5 if path.startswith("/api/") else 1)
    return path[1:end] if end > 0 else path[1:]


def _is_dynamic(path: str) -> bool:
    return "{" in path


class RouteTable(BaseRoute):
    """The first route of the app."""

    def __init__(self) -> None:
        self._static: dict[str, Place] = {}
        self._patterns: dict[str, list[Place]] = {}
        self._anywhere: list[Place] = []
        self._places: dict[str, Place] = {}
        self._let_in_headers: dict[str, list[tuple[bytes, bytes]]] = {}
        """What answers carry that the pages of every site may read, by template."""
        self._offered: dict[str, bool] = {}
        """Whether objects can be read below a template."""

    @property
    def targets(self) -> Iterable[Target]:
        """Every method of every route."""
        return (target for place in self._places.values() for target in place.targets.values())

    def add(self, target: Target, pattern: re.Pattern[str], convertors: Mapping[str, Any]) -> None:
        """File one method of one route; of two with the same pattern and method the first stays."""
        place = self._places.get(pattern.pattern)
        if place is None:
            is_plain = all(type(each) in _TEXTS for each in convertors.values())
            place = self._places[pattern.pattern] = Place(target.path, pattern, convertors, is_plain=is_plain)
            self._file(place)
        place.add(target)

    def _file(self, place: Place) -> None:
        segment = segment_of(place.path)
        if not _is_dynamic(place.path):
            self._static[place.path] = place
        elif _is_dynamic(segment):
            self._anywhere.append(place)
        else:
            self._patterns.setdefault(segment, []).append(place)

    def _fitting(self, path: str) -> Iterator[tuple[Place, dict[str, Any]]]:
        """The places that a path fits, the most telling first, with the path's parameters.

        What stands for any name at the root is one of them only where nothing else fits, and then alone: a method that
        `/robots.txt` or `/{slug}+` lacks must not reach a link of that name. So it is with `/{key:path}` where
        `/{key:path}/history` fits.
        """
        place = self._static.get(path)
        if place is not None:
            yield place, {}
            return
        is_named = False
        for place, path_params in self._matching(self._patterns.get(segment_of(path), ()), path):
            if is_named and place.is_open_ended:
                return
            is_named = True
            yield place, path_params
        if not is_named:
            yield from islice(self._matching(self._anywhere, path), 1)

    @staticmethod
    def _matching(places: Iterable[Place], path: str) -> Iterator[tuple[Place, dict[str, Any]]]:
        for place in places:
            found = place.pattern.match(path)
            if found is not None:
                yield place, place.converted(found)

    def _find(self, path: str, method: str) -> tuple[Target | None, dict[str, Any], list[Place]]:
        """The target of a request, with the path's parameters; None with the places that have other methods."""
        found = self._find_first(path, method)
        if found is not None:
            return *found, []
        others: list[Place] = []
        for place, path_params in self._fitting(path):
            target = place.target_for(method)
            if target is not None:
                return target, path_params, []
            others.append(place)
        return None, {}, others

    def _find_first(self, path: str, method: str) -> tuple[Target, dict[str, Any]] | None:
        """The same where the most telling place of a path has the method, as it has in nearly every request."""
        place = self._static.get(path)
        if place is not None:
            target = place.targets.get(method) or place.target_for(method)
            return (target, {}) if target is not None else None
        for place in self._patterns.get(segment_of(path)) or self._anywhere:
            found = place.pattern.match(path)
            if found is not None:
                target = place.targets.get(method) or place.target_for(method)
                if target is None:
                    return None
                return target, found.groupdict() if place.is_plain else place.converted(found)
        return None

    def offers(self, path: str, method: str) -> bool:
        """Whether some route answers this path by this method."""
        return self._find(path, method)[0] is not None

    def offers_object(self, target: Target, path: str, key: str) -> bool:
        """Whether the object of a key can be read below the path that a target has answered; found out once for all."""
        if "/" in key:
            return self.offers(f"{path}/{key}", "GET")
        known = self._offered.get(target.path)
        if known is None:
            known = self._offered[target.path] = self.offers(f"{path}/{key}", "GET")
        return known

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        return Match.FULL, {}

    def short_way(self, scope: Scope, exchange: Exchange) -> Target | None:
        """The target of a request that needs nothing of what FastAPI puts around its routes; None for any other.

        What it raises is the caller's to answer.
        """
        path = _clean_path(scope)
        found = self._find_first(path, scope["method"]) if path is not None else None
        if found is None:
            return None
        target, path_params = found
        if target.call is None or (b"idempotency-key" in exchange.given and has_repeat_key(target, exchange)):
            return None
        self._choose(exchange, target, scope, path_params)
        return target

    def _choose(self, exchange: Exchange, target: Target, scope: Scope, path_params: dict[str, Any]) -> None:
        """Note which route answers, for the route itself and for whoever asks later."""
        exchange.target = target
        scope["path_params"], scope["endpoint"], scope["route"] = path_params, target.endpoint, target.route
        if target.any_origin_sends is not None:
            self._let_in(exchange, target, target.any_origin_sends)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange, method = exchange_of(scope), scope["method"]
        path = _clean_path(scope)
        target, path_params, others = self._find(path, method) if path is not None else (None, {}, [])
        if target is not None:
            self._choose(exchange, target, scope, path_params)
            if not exchange.is_admitted:
                receive = await admit(target, exchange, scope, receive)
            await run(target, exchange, scope, receive, send)
            return
        if not others:
            raise nothing_here(scope["path"])
        # For the log, which must not show a path that carries a secret, and for pages of other sites.
        self._choose(exchange, next(iter(others[0].targets.values())), scope, path_params)
        allow = ", ".join(sorted({name for place in others for name in place.allow}))
        if method != "OPTIONS":
            raise method_not_allowed(method, allow)
        await Response(status_code=204, headers={"Allow": allow})(scope, receive, send)

    def _let_in(self, exchange: Exchange, target: Target, sends: Sequence[str]) -> None:
        """Let the pages of every site read the answer, whatever it will be: the route says so."""
        known = self._let_in_headers.get(target.path)
        if known is None:
            path = _clean_path(exchange.scope) or ""
            offered = {method for place, _ in self._fitting(path) for method in place.targets}
            known = self._let_in_headers[target.path] = any_origin_headers(offered, sends)
        exchange.headers = [*without_origin(exchange.headers), *known] if exchange.headers else known

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)


def _clean_path(scope: Scope) -> str | None:
    """The path below the root path that a proxy has put the app under.

    None where it is not UTF-8 or holds NUL: nothing can be named by such a one.
    """
    path: str = scope["path"]
    raw, root = scope.get("raw_path"), scope.get("root_path")
    if raw is None:
        raw = path.encode("utf-8", "surrogatepass")
    if not (_is_text(raw) if b"%" in raw else raw.isascii()):
        return None
    if not root:
        return path
    is_below = path == root or path.startswith(f"{root}/")
    return path[len(root) :] or "/" if is_below else path


def _is_text(raw: bytes) -> bool:
    try:
        return "\0" not in unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return False
