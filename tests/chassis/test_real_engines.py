"""The servers that storage is tested on: they are real, apart from each other, and can be stopped and frozen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import redis

from tests.postgres import PrivatePostgres, StartError, postgres_server, shared_postgres
from tests.valkey import PrivateValkey, shared_valkey, valkey_server

Private = Callable[[], AbstractContextManager[PrivatePostgres | PrivateValkey]]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that is closed afterwards, whether or not anybody is there to hear it."""
    connection = await asyncpg.connect(url, timeout=30)
    try:
        yield connection
    finally:
        connection.terminate()


async def ask(url: str, query: str) -> Any:
    async with connected(url) as connection:
        return await connection.fetchval(query)


async def tables(url: str) -> Any:
    return await ask(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")


async def test_databases_of_one_server_are_apart_and_come_empty() -> None:
    server = shared_postgres()
    one, other = server.create_database(), server.create_database()
    await ask(one, "CREATE TABLE things (id int)")
    assert (await tables(one), await tables(other)) == (1, 0)
    server.empty(one)
    assert await tables(one) == 0
    server.drop_database(one)
    server.drop_database(other)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(other, "SELECT 1")


def test_a_database_is_made_where_no_loop_runs() -> None:
    server = shared_postgres()
    url = server.create_database()
    assert asyncio.run(ask(url, "SELECT current_database()")) == url.rpartition("/")[2]
    server.drop_database(url)


async def test_a_durable_server_keeps_what_it_acknowledged_through_a_sudden_stop() -> None:
    with postgres_server(is_durable=True) as server:
        url = server.create_database()
        async with connected(url) as connection:
            await connection.execute("CREATE TABLE things AS SELECT 7 AS id")
            server.stop_immediately()
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await connection.fetchval("SELECT id FROM things")
        with pytest.raises(ConnectionRefusedError):
            await ask(url, "SELECT 1")
        server.start()
        assert await ask(url, "SELECT id FROM things") == 7


async def test_a_frozen_server_lets_everybody_wait_until_it_thaws() -> None:
    with postgres_server() as server:
        url = server.create_database()
        async with connected(url) as connection:
            server.freeze()
            known, new = asyncio.create_task(connection.fetchval("SELECT 1")), asyncio.create_task(ask(url, "SELECT 2"))
            done, _ = await asyncio.wait((known, new), timeout=0.3)
            assert not done
            server.thaw()
            assert (await known, await new) == (1, 2)


@pytest.mark.parametrize("a_server", [postgres_server, valkey_server])
def test_a_server_leaves_no_process_behind_even_if_it_was_frozen(a_server: Private) -> None:
    before = set(psutil.Process().children())
    with a_server() as server:
        server.freeze()
        started = set(psutil.Process().children()) - before
        started.update(*(each.children(recursive=True) for each in started))
    assert len(started) > 1
    assert not [each for each in started if each.is_running()]


def test_valkey_answers_and_forgets() -> None:
    server = shared_valkey()
    with closing(redis.Redis.from_url(server.url)) as client:
        assert client.ping()
        client.set("key", "value")
        server.flush()
        assert client.get("key") is None


def test_valkey_comes_back_on_the_same_port() -> None:
    with valkey_server() as server, closing(redis.Redis.from_url(server.url)) as client:
        client.set("key", "value")
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        server.start()
        assert client.get("key") is None


def test_a_start_that_fails_says_what_to_type(tmp_path: Path) -> None:
    programs = tmp_path / "pginstall/bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "valkey-server"):
        (programs / name).write_text("#!/bin/sh\necho 'no room' >&2\nexit 3\n")
        (programs / name).chmod(0o755)
    postgres_words = r"ended with 3\nno room\n.*`make test`.*TEST_POSTGRES_URL=postgresql:"
    with pytest.raises(StartError, match=postgres_words), postgres_server(wheel=tmp_path):
        pass
    valkey_words = r"ended with 3\nno room\n.*`make test`.*TEST_REDIS_URL=redis:"
    with pytest.raises(StartError, match=valkey_words), valkey_server(program=programs / "valkey-server"):
        pass
    with pytest.raises(StartError, match="No such file"), valkey_server(program=tmp_path / "nothing"):
        pass
