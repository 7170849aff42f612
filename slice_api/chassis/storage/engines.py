"""From SLICE_STORAGE_URL to the engine it names."""

from slice_api.chassis.clock import Clock
from slice_api.chassis.storage.database import Storage
from slice_api.chassis.storage.memory import MemoryStorage
from slice_api.settings import SettingsError


def is_in_memory(url: str) -> bool:
    """Whether a storage URL means this process's memory, which no second process sees."""
    return url in ("", "memory:", "memory://")


def make_storage(url: str, clock: Clock) -> Storage:
    """The engine of a storage URL; raises SettingsError for one that no engine fits."""
    if is_in_memory(url):
        return MemoryStorage(clock)
    scheme = url.partition(":")[0]
    raise SettingsError(f"SLICE_STORAGE_URL: there is no storage engine for {scheme!r}; leave it empty for memory.")
