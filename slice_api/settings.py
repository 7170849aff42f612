"""Every setting, from `SLICE_*` variables or `.env`; slices add their own with the prefix `SLICE_<NAME>_`."""

import difflib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "SLICE_"


class SettingsError(Exception):
    """A setting that the service cannot start with; the message says which, and what would be right."""


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _check_rate(value: str) -> str:
    if value not in ("", "off"):
        parse_rate(value)
    return value


def _check_networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value != "*":
            ipaddress.ip_network(value, strict=False)
    return values


def _check_admin_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text and (len(text) < 20 or not text.isascii() or not text.isprintable() or " " in text):
        raise ValueError("must be 20 or more printable ASCII characters without spaces")
    return value


def _check_origin(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _check_origins(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value if value == "*" else _check_origin(value) for value in values)


_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def parse_rate(text: str) -> tuple[int, int]:
    """`600/minute` as (600, 60); raises ValueError for anything else."""
    count, _, per = text.partition("/")
    if not count.isdecimal() or int(count) < 1 or per not in _SECONDS:
        raise ValueError("must be like 600/minute (second, minute, hour or day), or off")
    return int(count), _SECONDS[per]


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Values with commas between them."""

Networks = Annotated[CommaList, AfterValidator(_check_networks)]
"""Addresses or networks (10.0.0.0/8) with commas between them."""

Origins = Annotated[CommaList, AfterValidator(_check_origins)]
"""Origins of pages, or *."""

Rate = Annotated[str, AfterValidator(_check_rate)]
Origin = Annotated[str, AfterValidator(_check_origin)]


class Settings(BaseSettings):
    """What a deployment decides."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    admin_key: Annotated[SecretStr, AfterValidator(_check_admin_key)] = Field(
        default=SecretStr(""),
        description="The admin key, 20 or more characters; empty: one is made at first start and printed once.",
    )
    storage_url: str = Field(
        default="",
        description=(
            "Where everything is kept: sqlite:///data.db or postgresql://user:password@host/database; "
            "empty: in memory, gone when the process ends."
        ),
    )
    redis_url: str = Field(
        default="", description="A Redis for rate limits, caches and wake-ups, such as redis://localhost; empty: none."
    )
    public_url: Origin = Field(
        default="", description="The address people reach the service by, for short_url and the like; empty: as asked."
    )
    trusted_proxies: Networks = Field(
        default=(), description="Proxies whose X-Forwarded-* headers are believed: addresses or networks, or *."
    )
    allowed_hosts: CommaList = Field(
        default=("*",), description="Host names that are answered, such as example.org or *.example.org; *: all."
    )
    cors_origins: Origins = Field(
        default=(), description="Origins whose pages may call the API, such as https://app.example.org."
    )
    disabled: CommaList = Field(default=(), description="Slices to leave out, such as links,activity.")
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: coloured lines on a terminal, JSON otherwise."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least grave lines that are written."
    )
    rate_limit: Rate = Field(
        default="600/minute", description="Requests to the API per key (per address without one), or off."
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=0, description="The largest request body, unless a slice says otherwise."
    )
    head_seconds: float = Field(
        default=10, gt=0, description="How long a client may take to send the head of a request."
    )
    body_seconds: float = Field(
        default=30,
        gt=0,
        description="How long a body may stand still; on the whole it must come at 500 bytes a second or more.",
    )
    unread_seconds: float = Field(
        default=60, gt=0, description="How long a client may leave an answer unread before it is cut off."
    )
    connections_per_address: int = Field(
        default=1000,
        ge=0,
        description="Open connections of one address (IPv6: /64) to one worker, trusted proxies aside; 0: any number.",
    )
    metrics_public: bool = Field(default=False, description="Whether /metrics answers without an admin key.")
    outgoing_allow: CommaList = Field(
        default=(), description="Networks that outgoing requests may reach besides public addresses; *: all."
    )
    events_keep: int = Field(default=10_000, ge=100, description="How many events the activity feed goes back.")
    shutdown_seconds: int = Field(
        default=10, ge=0, description="How long running requests may take to finish when the service is stopped."
    )


class SliceSettings(BaseSettings):
    """The settings that every slice has; a slice's `settings.py` may add to them in a subclass."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    rate_limit: Rate = Field(default="", description="Another rate limit for this slice; empty: SLICE_RATE_LIMIT.")
    max_body_bytes: int | None = Field(
        default=None, ge=0, description="Another body limit for this slice; empty: SLICE_MAX_BODY_BYTES."
    )


def prefix_of(slice_name: str) -> str:
    """The prefix of a slice's own settings: `SLICE_LINKS_`."""
    return f"{PREFIX}{slice_name.upper()}_"


def variables_of(model: type[BaseSettings], prefix: str) -> dict[str, str]:
    """The variables of a settings model with the line of meaning of each."""
    return {prefix + name.upper(): field.description or "" for name, field in model.model_fields.items()}


def unknown_variables(environment: Iterable[str], known: Iterable[str]) -> Mapping[str, str | None]:
    """The `SLICE_*` variables that no setting reads, each with the nearest one that exists."""
    names = set(known)
    unknown = sorted(each for each in environment if each.startswith(PREFIX) and each not in names)
    return {each: next(iter(difflib.get_close_matches(each, names, 1, 0.6)), None) for each in unknown}


def setting_faults(error: ValidationError, prefix: str) -> list[str]:
    """What is wrong with which variable; the values are left out, since one may be secret."""
    return [
        f"{prefix}{'_'.join(map(str, each['loc'])).upper()}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()
    ]


def shown_default(default: Any) -> str:
    """A default as it is written in a variable; one of a secret is never shown."""
    if default is None or isinstance(default, SecretStr):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, tuple) else str(default)


def _told(
    model: type[BaseSettings], prefix: str, without: type[BaseSettings] = BaseSettings
) -> Iterable[tuple[str, str, str]]:
    """Variable, default and meaning of each setting, `without` another model's."""
    for name, field in model.model_fields.items():
        if name not in without.model_fields:
            yield f"{prefix}{name.upper()}", shown_default(field.default), field.description or ""


def example_lines(model: type[BaseSettings], prefix: str, *, without: type[BaseSettings] = BaseSettings) -> list[str]:
    """A settings model as lines of `.env.example`: meaning, then variable and default; `without` another's fields."""
    told = _told(model, prefix, without)
    return [line for name, default, meaning in told for line in (f"# {meaning}", f"{name}={default}")]


def table_rows(model: type[BaseSettings], prefix: str, *, without: type[BaseSettings] = BaseSettings) -> list[str]:
    """The same as rows of a Markdown table."""
    told = _told(model, prefix, without)
    shown = ((name, f"`{default}`" if default else "", meaning.replace("*", r"\*")) for name, default, meaning in told)
    return [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in shown]
