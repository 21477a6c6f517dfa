"""Two keys to test with, and how they are sent."""

from service.auth.keys import digest, new_key

ALICE, BOB = new_key(), new_key()


def entry(name: str, key: str) -> str:
    """As in the setting."""
    return f"{name}:{digest(key.encode()).hex()}"


ENTRIES = ",".join([entry("alice", ALICE), entry("bob", BOB)])


def bearer(key: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {key}"}
