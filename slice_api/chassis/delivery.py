"""Answering with finished bytes: ETag, Cache-Control and the compressed form when the client takes it."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from slice_api.chassis.web_files import WebFile

FOREVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"


def takes_gzip(request: Request) -> bool:
    """Whether the Accept-Encoding header takes gzip."""
    offers = request.headers.get("accept-encoding", "").lower().split(",")
    wanted = {name.strip(): rest.replace(" ", "") for name, _, rest in (offer.partition(";") for offer in offers)}
    quality = wanted.get("gzip", wanted.get("*"))
    return quality is not None and quality not in ("q=0", "q=0.0", "q=0.00", "q=0.000")


def deliver(
    request: Request, file: WebFile, *, cache_control: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The file as an answer; its two codings have two ETags, since a strong one stands for exact bytes."""
    small = file.compressed if takes_gzip(request) else None
    body = file.content if small is None else small
    extra = {} if small is None else {"Content-Encoding": "gzip"}
    etag = f'"{file.etag}"' if small is None else f'"{file.etag}-gz"'
    fixed = {"Cache-Control": cache_control, "ETag": etag, "Vary": "Accept-Encoding"}
    return Response(body, headers={**fixed, **extra, **(headers or {})}, media_type=file.media_type)
