"""`v2m key`."""

import re

from starlette.datastructures import Headers
from typer.testing import CliRunner

from cli.app import app
from service.auth.keys import ApiKeys


def run(name: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["key", name])
    return done.exit_code, done.stdout, done.stderr


def test_a_key_comes_with_the_entry_that_knows_it() -> None:
    status, printed, _ = run("alice")
    found = re.fullmatch(r"key    (v2m_[A-Za-z0-9_-]{43})\nentry  (alice:[0-9a-f]{64})\n", printed)
    assert status == 0
    assert found
    assert ApiKeys(found[2]).name_of(Headers({"Authorization": f"Bearer {found[1]}"})) == "alice"
    assert run("alice")[1] != printed


def test_a_name_that_is_none() -> None:
    for name in ("a b", "", "a:b", "a" * 65, "é"):
        status, printed, told = run(name)
        assert (status, printed, told.count("\n")) == (2, "", 1)
        assert "NAME" in told
