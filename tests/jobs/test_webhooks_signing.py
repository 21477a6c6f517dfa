"""Webhook secrets and signatures."""

import base64
import hmac
from datetime import timedelta

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from jobs.record import now
from jobs.webhooks.message import Signer
from tests.conftest import MakeSettings
from tests.jobs.webhook_receiver import SECRET

OTHER = "whsec_" + base64.b64encode(b"x" * 24).decode()


def test_message_is_signed_with_every_secret() -> None:
    headers = Signer(f"{SECRET} {OTHER}").headers("msg_1", '{"a": "ü"}', now())
    assert headers["webhook-id"] == "msg_1"
    for secret in (SECRET, OTHER):
        assert Verifier(secret).verify('{"a": "ü"}'.encode(), headers) == {"a": "ü"}


def test_changed_old_or_foreign_messages_do_not_verify() -> None:
    headers = Signer(SECRET).headers("msg_1", "{}", now())
    old = Signer(SECRET).headers("msg_1", "{}", now() - timedelta(minutes=6))
    changed = {**headers, "webhook-id": "msg_2"}
    for secret, body, given in [
        (SECRET, "{ }", headers), (SECRET, "{}", old), (SECRET, "{}", changed), (OTHER, "{}", headers),
    ]:  # fmt: skip
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(body, given)


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2hunter2hunter2hunter2hunter2",
        "whsec_",
        "whsec_hunter2!",
        "whsec_" + base64.b64encode(b"hunter2").decode(),
        "whsec_" + base64.b64encode(b"hunter2" * 10).decode(),
        f"{SECRET} hunter2",
        f"{SECRET},{OTHER}",
        "whsec_hünter2" + "A" * 40,
    ],
)
def test_malformed_secret_stops_the_start_and_is_not_shown(make_settings: MakeSettings, secret: str) -> None:
    with pytest.raises(ValidationError, match="24 to 64 bytes in base64") as caught:
        make_settings(webhook_secret=secret)
    told = str(caught.value)
    assert "webhook_secret" in told
    for word in secret.split():
        assert word == "whsec_" or word not in told


def test_spaces_alone_are_no_secret(make_settings: MakeSettings) -> None:
    with pytest.raises(ValidationError, match="no secret"):
        make_settings(webhook_secret=" ")


def test_secrets_are_not_printed_with_the_settings(make_settings: MakeSettings) -> None:
    assert SECRET not in repr(make_settings(webhook_secret=SECRET))


def test_padding_may_be_left_out() -> None:
    key = "whsec_" + base64.b64encode(b"x" * 25).decode()
    assert Signer(key.rstrip("=")).headers("a", "b", now())["webhook-signature"].startswith("v1,")


def test_secret_of_a_key_is_derived_as_documented() -> None:
    made = hmac.digest(bytes(range(32)), b"v2m webhook alice", "sha256")
    assert Signer(SECRET).secrets("alice") == ["whsec_" + base64.b64encode(made).decode()]


def test_messages_of_a_key_verify_with_its_own_secrets_only() -> None:
    signer = Signer(f"{SECRET} {OTHER}")
    headers = signer.headers("msg_1", "{}", now(), "alice")
    assert len(set(signer.secrets("alice"))) == 2
    for secret in signer.secrets("alice"):
        assert Verifier(secret).verify(b"{}", headers) == {}
    for secret in (SECRET, OTHER, *signer.secrets("bob")):
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(b"{}", headers)
