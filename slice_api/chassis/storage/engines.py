"""From SLICE_STORAGE_URL to the engine it names."""

from collections.abc import Callable, Mapping

from slice_api.chassis.clock import Clock
from slice_api.chassis.storage.database import Storage
from slice_api.chassis.storage.memory import MemoryStorage
from slice_api.settings import SettingsError

_MEMORY = ("", "memory:", "memory://")


def is_in_memory(url: str) -> bool:
    """Whether a storage URL means this process's memory, which no second process sees."""
    return url in _MEMORY


def engine_of(url: str) -> str:
    """The name of a storage URL's engine: memory, sqlite or postgresql."""
    scheme = url.partition(":")[0]
    return "memory" if is_in_memory(url) else "postgresql" if scheme == "postgres" else scheme


def make_storage(url: str, clock: Clock) -> Storage:
    """The engine of a storage URL; raises SettingsError for one that no engine fits."""
    if is_in_memory(url):
        return MemoryStorage(clock)
    scheme = url.partition(":")[0]
    if scheme not in _ENGINES:
        offered = "sqlite:///data.db, postgresql://user:password@host/database, or nothing for memory"
        raise SettingsError(f"SLICE_STORAGE_URL: there is no storage engine for {scheme!r}; write {offered}.")
    try:
        return _ENGINES[scheme](url, clock)
    except ModuleNotFoundError as error:
        raise SettingsError(f"SLICE_STORAGE_URL: {scheme} needs the package {error.name}: pip install it.") from error


# The drivers are loaded only where they are needed.
def _sqlite(url: str, clock: Clock) -> Storage:
    from slice_api.chassis.storage.sqlite import SqliteStorage

    return SqliteStorage(url, clock)


def _postgres(url: str, clock: Clock) -> Storage:
    from slice_api.chassis.storage.postgres import PostgresStorage

    return PostgresStorage(url, clock)


_ENGINES: Mapping[str, Callable[[str, Clock], Storage]] = {
    "sqlite": _sqlite,
    "postgresql": _postgres,
    "postgres": _postgres,
}
