"""The web front end as bytes: read once at start, compressed once asked for, addressed by a digest of all of it.

An address with the digest may be kept for ever; `latest` in its place is asked for again each time. Modules import each
other relatively, so one digest for the whole folder needs no build step.
"""

import gzip
import mimetypes
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

LATEST = "latest"
_PREFIX = "/assets/"
_COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml", "application/manifest+json")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}

HTML_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)


class WebFile(NamedTuple):
    """One file, ready to be sent."""

    content: bytes
    media_type: str
    etag: str

    @property
    def compressed(self) -> bytes | None:
        """The content in less space, where that pays; made when it is first asked for, which takes milliseconds."""
        return _compressed(self.content) if self.media_type.startswith(_COMPRESSIBLE) else None


class WebFiles(NamedTuple):
    """All of them."""

    digest: str
    files: Mapping[str, WebFile]

    def address(self, name: str) -> str | None:
        """The lasting address of a file, or None when there is none."""
        return f"{_PREFIX}{self.digest}/{name}" if name in self.files else None


def media_type_of(name: str) -> str:
    kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@lru_cache(maxsize=512)
def _compressed(content: bytes) -> bytes | None:
    small = gzip.compress(content, 9, mtime=0)
    return small if len(small) < len(content) * 0.9 else None


def as_web_file(content: bytes, media_type: str) -> WebFile:
    """A file with its ETag."""
    return WebFile(content, media_type, blake2b(content, digest_size=8).hexdigest())


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _digest(contents: Mapping[str, bytes]) -> str:
    """What tells these files from those of any other version."""
    digest = blake2b(digest_size=6)
    for name, content in sorted(contents.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def page_names(folder: Path) -> frozenset[str]:
    """The slices that the front end itself has a page of: `pages/<slice>.js`."""
    return frozenset(path.stem for path in (folder / "pages").glob("*.js"))


def read_web_files(folder: Path, slice_folders: Mapping[str, Path] | None = None) -> WebFiles:
    """Everything below a folder, dot-files aside; HTML has its asset addresses rewritten to the lasting ones.

    What a slice has in its own `web/` comes in as `slices/<slice>/…`; its modules reach those here by `../../dom.js`.
    """
    contents = _contents(folder)
    for slice_name, slice_folder in (slice_folders or {}).items():
        own = _contents(slice_folder / "web")
        contents |= {f"slices/{slice_name}/{name}": content for name, content in own.items()}
    digest = _digest(contents)
    lasting = f"{_PREFIX}{digest}/".encode()
    files = {
        name: as_web_file(
            content.replace(f"{_PREFIX}{LATEST}/".encode(), lasting) if name.endswith(".html") else content,
            media_type_of(name),
        )
        for name, content in contents.items()
    }
    return WebFiles(digest, files)
