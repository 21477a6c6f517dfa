"""`v2m webhook-secret`."""

import base64

import pytest
from standardwebhooks import Webhook
from typer.testing import CliRunner

from cli.app import app
from jobs.record import now
from jobs.webhooks.message import Signer
from tests.jobs.webhook_receiver import SECRET

OTHER = "whsec_" + base64.b64encode(b"x" * 24).decode()


def run(name: str, secrets: str | None) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["webhook-secret", name], env={"V2M_WEBHOOK_SECRET": secrets})
    return done.exit_code, done.stdout, done.stderr


def test_it_shows_what_verifies_the_webhooks_of_a_key() -> None:
    for secrets, lines in ((SECRET, 1), (f"{OTHER} {SECRET}", 2)):
        status, printed, _ = run("alice", secrets)
        assert (status, len(printed.splitlines())) == (0, lines)
        headers = Signer(secrets).headers("msg_1", '{"a": 1}', now(), "alice")
        for line in printed.splitlines():
            assert Webhook(line).verify(b'{"a": 1}', headers) == {"a": 1}
    assert run("alice", SECRET)[1] in run("alice", f"{OTHER} {SECRET}")[1]
    assert run("bob", SECRET)[1] != run("alice", SECRET)[1]
    assert SECRET not in run("alice", SECRET)[1]


@pytest.mark.parametrize(
    ("name", "secrets", "told"),
    [("a b", SECRET, "NAME"), ("alice", None, "V2M_WEBHOOK_SECRET: is not set"), ("alice", "", "is not set"),
     ("alice", "whsec_hunter2", "V2M_WEBHOOK_SECRET: must be"), ("alice", f"{SECRET} hunter2", "must be"),
     ("alice", " ", "V2M_WEBHOOK_SECRET: holds no secret")],
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_shows_no_secret(name: str, secrets: str | None, told: str) -> None:
    status, printed, error = run(name, secrets)
    assert (status, printed, error.count("\n")) == (2, "", 1)
    assert told in error
    assert not any(word in error for word in ("hunter2", SECRET))
