import json
from pathlib import Path
from typing import Any

import pytest

from model_core.errors import InputError
from model_core.options import PROMPT_MAX_CHARS
from model_core.training.audio.captions import MOST_CAPTIONS, Captions, sidecar_captions, tag_captions


def _of_json(folder: Path, given: Any) -> Captions | None:
    (folder / "song.json").write_text(given if isinstance(given, str) else json.dumps(given))
    return sidecar_captions(folder / "song.mp3")


def _fault(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        sidecar_captions(folder / "song.mp3")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_line_of_a_text_file_is_a_caption(tmp_path: Path) -> None:
    (tmp_path / "song.txt").write_bytes("\ufeffcalm   piano\r\n\n  café jazz \n".encode())
    assert sidecar_captions(tmp_path / "song.mp3") == Captions(("calm piano", "café jazz"), "sidecar")


def test_a_text_file_goes_before_json_and_may_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "song.json").write_text('{"caption": "of json"}')
    (tmp_path / "song.txt").write_text("\n")
    assert sidecar_captions(tmp_path / "song.mp3") == Captions(("",), "sidecar")


def test_without_a_file_there_is_no_caption(tmp_path: Path) -> None:
    (tmp_path / "songs.txt").write_text("of another")
    assert sidecar_captions(tmp_path / "song.mp3") is None


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ({"caption": "one", "description": "two"}, ("one",)),
        ({"caption": " ", "prompt": None, "text": "three", "genre": "jazz"}, ("three",)),
        ({"captions": ["one", "", "two"], "caption": "three"}, ("one", "two")),
        (
            {"genre": ["techno", "house"], "mood": "dark", "tags": ["loop"], "instruments": ["synth", "bass", "drums"]},
            ("dark, techno, house, loop, with synth, bass and drums",),
        ),
        ({"instrument": "piano", "bpm": "119.6", "key": "A minor"}, ("with piano, 120 bpm, in A minor",)),
        ({"genres": [], "bpm": None, "key": ""}, ("",)),
        ({"genre": "drone", "bpm": 0}, ("drone",)),
    ],
)
def test_json_says_it_in_a_caption_or_in_words(tmp_path: Path, given: Any, texts: tuple[str, ...]) -> None:
    assert _of_json(tmp_path, given) == Captions(texts, "sidecar")


def test_json_about_something_else_is_no_caption(tmp_path: Path) -> None:
    assert _of_json(tmp_path, {"title": "A song", "licence": "CC0"}) is None


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ('{"caption": ', "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        (["a"], "is not a JSON object"),
        ({"caption": 3}, "caption must be a text or a list of texts"),
        ({"captions": ["a", None]}, "captions must be a text or a list of texts"),
        ({"genre": {"main": "jazz"}}, "genre must be a text or a list of texts"),
        ({"bpm": "fast"}, "bpm is 'fast'; it must be a number from 0 to 999"),
        ({"bpm": True}, "bpm is 'True'; it must be"),
        ({"bpm": 10**400}, "it must be a number"),
        ({"bpm": float("nan")}, "bpm is 'nan'; it must be"),
    ],
)
def test_a_malformed_json_file_is_told_by_its_name(tmp_path: Path, given: Any, fault: str) -> None:
    (tmp_path / "song.json").write_text(given if isinstance(given, str) else json.dumps(given))
    told = _fault(tmp_path)
    assert told.startswith("song.json: ")
    assert fault in told
    assert len(told) < 200


def test_a_malformed_text_file_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "song.txt").write_bytes(b"caf\xe9 jazz")
    assert _fault(tmp_path) == "song.txt: is not UTF-8: invalid continuation byte at byte 3"
    (tmp_path / "song.txt").write_bytes(b"a" * (1 << 20) + b"b")
    assert _fault(tmp_path) == "song.txt: is larger than 1 MiB, which is the limit"


def test_what_is_too_long_is_cut_with_a_note(tmp_path: Path) -> None:
    lines = ["a" * PROMPT_MAX_CHARS, "b" * (PROMPT_MAX_CHARS + 1), *("c" for _ in range(MOST_CAPTIONS))]
    (tmp_path / "song.txt").write_text("\n".join(lines))
    found = sidecar_captions(tmp_path / "song.mp3")
    assert found is not None
    assert len(found.texts) == MOST_CAPTIONS
    assert found.texts[:2] == ("a" * PROMPT_MAX_CHARS, "b" * PROMPT_MAX_CHARS)
    assert found.notes == (
        "song.txt has 34 captions; the first 32 are used",
        "song.txt has a caption longer than 1000 characters; the rest of it is cut off",
    )


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        (
            {"genre": "Techno", "mood": "dark", "bpm": "128", "comment": "Slow build."},
            "Slow build. dark, Techno, 128 bpm",
        ),
        ({"description": "a waltz", "comment": "scanned in 1998"}, "a waltz"),
        ({"comment": "Visit http://example.org", "genre": "Jazz", "key": "Am"}, "Jazz, in Am"),
        ({"genre": "Jazz", "bpm": "0"}, "Jazz"),
        ({"genre": "Jazz", "bpm": "unknown"}, "Jazz"),
    ],
)
def test_tags_make_up_one_caption(tags: dict[str, str], text: str) -> None:
    assert tag_captions(tags) == Captions((text,), "tags")


def test_tags_that_tell_nothing_leave_an_empty_prompt() -> None:
    assert tag_captions({"comment": "www.example.org"}) == Captions(("",), "none")
    assert tag_captions({}) == Captions(("",), "none")
