"""Settings and the command line: every wrong value is told in words, before anything is served."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slice_api.chassis.storage.engines import make_storage
from slice_api.cli import environment_example, main, make_served_app
from slice_api.settings import Settings, SettingsError, parse_rate, unknown_variables
from tests.chassis.examples import parsed
from tests.chassis.strategies import STEADY
from tests.support import FrozenClock, make_settings

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / ".env.example"
SLICES = ROOT / "slice_api" / "slices"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env but the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _standard_logs() -> Iterator[None]:
    """What a served app does to the standard library's logging is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def refused(*arguments: str) -> str:
    """What is said of a start that is refused."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert isinstance(exit_.value.code, str)
    return exit_.value.code


# Values

BAD_VALUES = {
    "SLICE_ADMIN_KEY": ("hunter2", "must be 20 or more printable ASCII characters without spaces"),
    "SLICE_PUBLIC_URL": ("example.org", "must start with http:// or https://"),
    "SLICE_TRUSTED_PROXIES": ("10.0.0.0/8, everyone", "'everyone' does not appear to be an IPv4 or IPv6 network"),
    "SLICE_LOG_FORMAT": ("xml", "Input should be 'auto', 'json' or 'console'"),
    "SLICE_LOG_LEVEL": ("loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
    "SLICE_RATE_LIMIT": ("often", "must be like 600/minute (second, minute, hour or day), or off"),
    "SLICE_MAX_BODY_BYTES": ("-1", "Input should be greater than or equal to 0"),
    "SLICE_HEAD_SECONDS": ("0", "Input should be greater than 0"),
    "SLICE_CONNECTIONS_PER_ADDRESS": ("-1", "Input should be greater than or equal to 0"),
    "SLICE_METRICS_PUBLIC": ("perhaps", "Input should be a valid boolean"),
    "SLICE_SHUTDOWN_SECONDS": ("soon", "Input should be a valid integer"),
}


@pytest.mark.parametrize("variable", BAD_VALUES)
def test_a_value_that_does_not_fit_is_told_in_one_line(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, expected = BAD_VALUES[variable]
    monkeypatch.setenv(variable, value)
    [_, told] = refused().splitlines()
    assert told.strip().startswith(f"{variable}: ")
    assert expected in told


def test_a_secret_that_does_not_fit_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_ADMIN_KEY", "hunter2")
    assert "hunter2" not in refused()


def test_all_values_that_do_not_fit_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, (value, _) in BAD_VALUES.items():
        monkeypatch.setenv(variable, value)
    told = refused().splitlines()[1:]
    assert sorted(line.strip().partition(":")[0] for line in told) == sorted(BAD_VALUES)


def test_an_empty_variable_means_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"SLICE_{name.upper()}", "")
    assert Settings().model_dump() == Settings.model_construct().model_dump()


def test_values_come_from_the_environment_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SLICE_DISABLED=a, b\nSLICE_RATE_LIMIT=1/day\n")
    monkeypatch.setenv("SLICE_RATE_LIMIT", "2/day")
    settings = Settings()
    assert (settings.disabled, settings.rate_limit) == (("a", "b"), "2/day")


@pytest.mark.parametrize(("text", "parts"), [("", ()), ("a", ("a",)), (" a ,b,, c ", ("a", "b", "c")), (",", ())])
def test_lists_have_commas_between_them(text: str, parts: tuple[str, ...]) -> None:
    assert make_settings(disabled=text).disabled == parts


@STEADY
@given(st.text(max_size=20) | st.from_regex(r"[0-9]{0,3}/(second|minute|hour|day|week)?", fullmatch=True))
def test_a_rate_is_a_number_and_a_span_and_nothing_else(text: str) -> None:
    try:
        count, seconds = parse_rate(text)
    except ValueError:
        return
    assert count >= 1
    assert seconds in (1, 60, 3600, 86400)


@pytest.mark.parametrize("key", ["a" * 20, "!~" * 10])
def test_an_admin_key_may_be_any_twenty_printable_characters(key: str) -> None:
    assert make_settings(admin_key=key).admin_key.get_secret_value() == key


@pytest.mark.parametrize("key", ["a" * 19, "a" * 10 + " " + "b" * 10, "é" * 20, "a" * 20 + "\n"])
def test_an_admin_key_that_no_header_could_carry_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        make_settings(admin_key=key)


# Names


def test_an_unknown_variable_is_told_with_the_nearest_one() -> None:
    known = {"SLICE_RATE_LIMIT", "SLICE_DISABLED"}
    found = unknown_variables(["SLICE_RATELIMIT", "SLICE_ZZZ", "SLICE_DISABLED", "PATH", "slice_x"], known)
    assert found == {"SLICE_RATELIMIT": "SLICE_RATE_LIMIT", "SLICE_ZZZ": None}


def test_a_start_warns_of_names_that_nobody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("SLICE_ALOWED_HOSTS=*\n")
    monkeypatch.setenv("SLICE_TRUSTED_PROXYS", "")
    monkeypatch.setenv("SLICE_PLATFORM_RATE_LIMIT", "5/minute")
    monkeypatch.setenv("SLICE_DISABLED", "no_such_slice")
    make_served_app()
    warnings = [line["event"] for line in parsed(capfd.readouterr().err.encode().splitlines())]
    assert "no setting reads SLICE_ALOWED_HOSTS; did you mean SLICE_ALLOWED_HOSTS?" in warnings
    assert "no setting reads SLICE_TRUSTED_PROXYS; did you mean SLICE_TRUSTED_PROXIES?" in warnings
    assert [each for each in warnings if "no_such_slice" in each]
    assert not [each for each in warnings if "SLICE_PLATFORM_RATE_LIMIT" in each]
    assert len(warnings) == 3


# Storage and workers


@pytest.mark.parametrize("url", ["", "memory:", "memory://"])
def test_memory_is_not_shared_by_workers_and_the_line_to_change_is_named(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLICE_STORAGE_URL", url)
    told = refused("--workers", "2")
    assert "SLICE_STORAGE_URL" in told
    assert "WORKERS=1" in told


@pytest.mark.parametrize("workers", ["0", "-1"])
def test_there_is_at_least_one_worker(workers: str) -> None:
    assert "--workers" in refused("--workers", workers)


def test_a_storage_that_no_engine_fits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_STORAGE_URL", "gopher://user:hunter2@example.org/db")
    told = refused()
    assert "SLICE_STORAGE_URL" in told
    assert "gopher" in told
    assert "hunter2" not in told
    with pytest.raises(SettingsError):
        make_storage("gopher://", FrozenClock())


# The list of them all


def sections(text: str) -> dict[str, str]:
    """The parts of an example file by their first lines."""
    return {part.partition("\n")[0]: part for part in text.strip().split("\n\n")}


def slice_of(heading: str) -> str:
    """`links` of `# Short links (links)`."""
    return heading.rpartition("(")[2].rstrip(")")


def test_the_example_file_is_what_the_command_prints() -> None:
    written, printed = sections(EXAMPLE.read_text()), sections(environment_example())
    assert printed.items() <= written.items()
    left = [slice_of(heading) for heading in written.keys() - printed.keys()]
    assert not [name for name in left if (SLICES / name).is_dir()], "sections that the command does not print"
    assert [heading for heading in written if heading in printed] == list(printed)


def test_the_command_prints_a_file_that_sets_every_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["env"])
    text = capsys.readouterr().out
    (tmp_path / ".env").write_text(text)
    assert Settings().model_dump() == Settings.model_construct().model_dump()
    for name in Settings.model_fields:
        assert f"\nSLICE_{name.upper()}=" in text
    assert all(line.startswith(("#", "SLICE_")) or not line for line in text.splitlines())


def test_the_table_in_the_readme_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    main(["env", "--table"])
    printed = capsys.readouterr().out.splitlines()
    written = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `SLICE_")]
    assert [line for line in printed if line not in written] == printed[:2], "put what the command prints there"
    left = [line.split("_")[1].lower() for line in written if line not in printed]
    assert not [name for name in left if (SLICES / name).is_dir()], "settings that the command does not print"


def test_help_and_version_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    for option, told in (("--help", "--workers"), ("--version", ".")):
        with pytest.raises(SystemExit) as exit_:
            main([option])
        assert exit_.value.code == 0
        assert told in capsys.readouterr().out
