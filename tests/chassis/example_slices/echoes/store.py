"""Echoes in the order they were heard."""

from slice_api.chassis import Log, Tx

from .schemas import Echo

ECHOES = Log("echoes", Echo)


def heard(tx: Tx, *, of: str = "") -> list[str]:
    """The texts of the echoes of one kind."""
    return [echo.text for _, echo in tx.read(ECHOES, 0, partition=of, limit=1000)]


def keep(tx: Tx, text: str, *, of: str = "") -> None:
    tx.append(ECHOES, Echo(id=text, text=text), partition=of)


def forget_orders(tx: Tx) -> None:
    tx.drop(ECHOES, partition="orders")
