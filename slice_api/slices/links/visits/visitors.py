"""What is read from a visitor's request: little, and nothing of it may fail.

Nothing here keeps an address. A user agent becomes a browser, a system and a kind of device; a referrer becomes a host.
"""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from crawlerdetect import CrawlerDetect
    from ua_parser import Parser

_MAX_USER_AGENT: Final = 512
# Few headers make up most visits. A header is 1 KB at most, so that what is made up to be new takes a few MB.
_REMEMBERED: Final = 2048
# The crawler patterns take time with the square of a word's length: 8 KB without a space would take seconds.
_MAX_CRAWLER_TEXT: Final = 320
_LONG_WORD: Final = re.compile(r"([\w.-]{40})[\w.-]+")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*")
_PREFETCH: Final = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
_TABLET: Final = re.compile(r"iPad|Tablet|Kindle|Silk/|PlayBook|Android(?!.*Mobile)", re.IGNORECASE)
_MOBILE: Final = re.compile(r"Mobi|iPhone|iPod|Android|Phone", re.IGNORECASE)
# Programs that somebody runs on purpose: crawler lists count them among the crawlers, but a person asked for this.
_TOOLS: Final = re.compile(
    r"(?:(?:curl|wget|httpie|xh|python|python-(?:requests|httpx2?|urllib3?)|aiohttp|go-http-client|okhttp|axios|"
    r"node|node-fetch|undici|got|postmanruntime|insomnia|bruno-runtime|java|apache-httpclient|ruby|faraday|"
    r"guzzlehttp|reqwest|dart|powershell)(?:/[\w.+-]*)?(?:\s+|$))+",
    re.IGNORECASE,
)
_DESKTOP: Final = re.compile(r"Windows NT|Macintosh|X11|CrOS|Linux", re.IGNORECASE)


class Told(NamedTuple):
    """What is kept of what a visitor tells; None for what is not told."""

    referrer: str | None
    browser: str | None
    os: str | None
    device: str | None
    language: str | None
    is_bot: bool


class Agent(NamedTuple):
    """What a user agent says of itself; None for what it does not tell."""

    browser: str | None
    os: str | None
    device: str | None
    is_bot: bool


def is_prefetch(purposes: Iterable[str]) -> bool:
    """Whether a browser loads ahead of time, with nobody looking yet, by what its `Sec-Purpose` and the like say."""
    return any(map(_PREFETCH.search, purposes))


@lru_cache(maxsize=_REMEMBERED)
def told_by(user_agent: str, referrer: str, accept_language: str, is_prefetch: bool) -> Told:
    """What headers tell of a visitor; a prefetch is nobody's visit, and counts as a bot's."""
    agent = parse_agent(user_agent)
    return Told(
        referrer_host(referrer),
        agent.browser,
        agent.os,
        agent.device,
        preferred_language(accept_language),
        agent.is_bot or is_prefetch,
    )


@lru_cache(maxsize=4096)
def parse_agent(user_agent: str) -> Agent:
    """Browser, system, kind of device (`desktop`, `mobile`, `tablet`) and whether it is a bot; nobody is one too."""
    text = user_agent.strip()[:_MAX_USER_AGENT]
    if not text:
        return Agent(None, None, None, is_bot=True)
    found = _agents().parse(text)
    browser = found.user_agent.family if found.user_agent else None
    system = found.os.family if found.os else None
    return Agent(_clean(browser), _clean(system), _device(text), _is_crawler(text))


@cache
def _agents() -> "Parser":
    """What reads user agents, loaded for the first visit that is noted: a tenth of a second that no start waits for.

    No redirect does either, but at links with `max_visits` or rules for bots. Patterns of devices are left out: what
    is asked of them `_device` tells, and they take as much memory as the others together.
    """
    from ua_parser import Parser, load_lazy_builtins

    browsers, systems, _ = load_lazy_builtins()
    return Parser.from_matchers((browsers, systems, []))


@cache
def _crawlers() -> "CrawlerDetect":
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()


def is_bot(user_agent: str) -> bool:
    """Whether a crawler list knows the user agent, or there is none."""
    return parse_agent(user_agent).is_bot


def _is_crawler(text: str) -> bool:
    text = _TOOLS.sub("", text, count=1) if _TOOLS.match(text) else text
    if not text:
        return False
    return _crawlers().is_crawler(_LONG_WORD.sub(r"\1", text)[:_MAX_CRAWLER_TEXT])


def _device(text: str) -> str | None:
    for name, pattern in (("tablet", _TABLET), ("mobile", _MOBILE), ("desktop", _DESKTOP)):
        if pattern.search(text):
            return name
    return None


def _clean(name: str | None) -> str | None:
    """A name without what cannot be printed, at most 60 characters long."""
    text = "".join(filter(str.isprintable, name or ""))[:60].strip()
    return text or None


@lru_cache(maxsize=_REMEMBERED)
def referrer_host(referrer: str) -> str | None:
    """The host of a Referer header, or None when it names none."""
    try:
        host = urlsplit(referrer[:2048].strip()).hostname or ""
    except ValueError:
        return None
    return host if len(host) <= 253 and _HOST.fullmatch(host) else None


@lru_cache(maxsize=_REMEMBERED)
def preferred_language(accept_language: str) -> str | None:
    """The language that an Accept-Language header wants most, such as `de-AT`; the first of equals."""
    offers = [_offer(item) for item in accept_language[:1024].split(",")]
    wanted = [(quality, tag) for tag, quality in offers if quality > 0 and _LANGUAGE.fullmatch(tag)]
    return _language_case(max(wanted, key=lambda offer: offer[0])[1]) if wanted else None


def _offer(item: str) -> tuple[str, float]:
    tag, _, parameter = item.partition(";")
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return tag.strip(), 1.0
    return tag.strip(), float(value) if re.fullmatch(r"[01](\.\d{0,3})?", value.strip()) else 0.0


def _language_case(tag: str) -> str:
    """The customary case (RFC 5646, section 2.1.1): de-AT, zh-Hant."""
    first, *rest = tag.split("-")
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part.lower() for part in rest]
    return "-".join([first.lower(), *cased])
