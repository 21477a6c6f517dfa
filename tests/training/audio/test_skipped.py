from pathlib import Path

import numpy as np
import pytest

from model_core.errors import InputError
from model_core.media import MediaError, read_audio
from model_core.models.stable_audio.conditions import TextStates
from model_core.training.audio import track_maker
from tests.media.sound_files import RATE, tone, write_sound
from tests.training.audio.fake_makers import Fakes
from tests.training.audio.music_cache import cached, skipped_in, tracks_of, write_music


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return write_music(tmp_path / "music")


def test_what_cannot_be_used_is_listed_with_its_reason(music: Path) -> None:
    write_sound(music / "e silent.wav", np.zeros((2, RATE), np.float32))
    write_sound(music / "f short.wav", tone(0.125))
    write_sound(music / "g long.wav", tone(1.5))
    (music / "h broken.mp3").write_bytes(b"not a sound\n" * 500)
    (music / "i empty.ogg").touch()
    write_sound(music / "j nan.wave", np.full((2, RATE), np.nan, np.float32))
    write_sound(music / "k caption.wav", tone(0.5))
    (music / "k caption.json").write_text("{")
    said = cached(music, Fakes().makers(), longest_s=1.25)
    assert len(tracks_of(music)) == 3
    assert skipped_in(music) == [
        "e silent.wav: is silent",
        "f short.wav: is 0.12 s long; at least 0.25 s are needed",
        "g long.wav: The file has more than 1.25 s of sound, the limit.",
        "h broken.mp3: is no sound file of a kind that can be read",
        "i empty.ogg: The file is empty (0 bytes).",
        "j nan.wave: holds samples that are not finite numbers",
        "k caption.wav: its caption file k caption.json is not valid JSON: "
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ]
    assert [f"skipped {line}" for line in skipped_in(music)] == said[-7:]


def test_of_many_skipped_files_a_few_are_told(music: Path) -> None:
    for number in range(12):
        (music / f"e{number}.wav").touch()
    said = cached(music, Fakes().makers())
    assert len(skipped_in(music)) == 12
    assert len(said) == 1 + 1 + 10 + 1
    assert said[-1] == f"skipped 2 files more; all are listed in {music.parent / 'cache' / 'skipped.txt'}"


def test_a_skipped_file_is_not_read_again_until_something_changes(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent, caption = write_sound(music / "e.wav", np.zeros((2, RATE), np.float32)), music / "d.json"
    caption.write_text("[]")
    fakes = Fakes()
    cached(music, fakes.makers())
    assert len(skipped_in(music)) == 2
    opened: list[str] = []

    def counted(path: Path, *rest: object) -> object:
        opened.append(path.name)
        return read_audio(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(track_maker, "read_audio", counted)
    cached(music, fakes.makers())
    assert opened == []
    caption.write_text('{"caption": "mended"}')
    write_sound(silent, tone(0.5))
    cached(music, fakes.makers())
    assert opened == ["d.wav", "e.wav"]
    assert skipped_in(music) == []
    assert tracks_of(music)[2].captions == ("mended",)


def test_a_caption_that_is_broken_for_a_while_costs_no_sound(music: Path) -> None:
    fakes = Fakes()
    cached(music, fakes.makers())
    (music / "d.json").write_text("{")
    cached(music, fakes.makers())
    assert [track.name for track in tracks_of(music)] == ["a.wav", "b/c.flac"]
    (music / "d.json").unlink()
    cached(music, fakes.makers())
    assert len(tracks_of(music)) == 3
    assert fakes.work() == (3, 4)


def test_another_least_length_reads_nothing_that_is_long_enough(music: Path) -> None:
    fakes = Fakes()
    cached(music, fakes.makers())
    cached(music, fakes.makers(), shortest_s=0.7)
    assert [track.name for track in tracks_of(music)] == ["b/c.flac", "d.wav"]
    assert skipped_in(music) == ["a.wav: is 0.50 s long; at least 0.7 s are needed"]
    cached(music, fakes.makers(), shortest_s=0.1)
    assert len(tracks_of(music)) == 3
    assert fakes.work() == (3, 4)


def test_a_trouble_of_the_moment_is_tried_again(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [MediaError("takes too long", "budget"), PermissionError(13, "Permission denied")]

    def troubled(path: Path, *rest: object) -> object:
        if troubles:
            raise troubles.pop(0)
        return read_audio(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(track_maker, "read_audio", troubled)
    cached(music, Fakes().makers())
    assert skipped_in(music) == ["a.wav: takes too long", "b/c.flac: cannot be read: Permission denied"]
    cached(music, Fakes().makers())
    assert len(tracks_of(music)) == 3


def test_when_nothing_is_left_the_tracks_say_so(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "a.wav").touch()
    cached(music, Fakes().makers())
    with pytest.raises(InputError, match=r"no file in .*music can be learned from; .*skipped.txt") as caught:
        tracks_of(music)
    assert caught.value.field == "--data"


def test_text_states_that_the_cache_cannot_hold_are_tried_again(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = Fakes()
    encode = fakes.text.encode

    def large(prompts: list[str]) -> TextStates:
        made = encode(prompts)
        return TextStates(made.states * (1e5 if prompts == ["slow"] else 1.0), made.mask)

    monkeypatch.setattr(fakes.text, "encode", large)
    cached(music, fakes.makers())
    assert skipped_in(music) == ["a.wav: has a caption whose text states are not finite numbers"]
    assert len(tracks_of(music)) == 2
    monkeypatch.undo()
    cached(music, fakes.makers())
    assert len(tracks_of(music)) == 3
