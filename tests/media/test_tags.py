from pathlib import Path

import pytest

from model_core.media import MediaError, read_audio, read_tags
from tests import video_factory
from tests.media.sound_files import CODECS, tone, write_latin_tags, write_sound


@pytest.mark.parametrize("suffix", CODECS)
def test_sound_files_of_every_kind_are_read(tmp_path: Path, suffix: str) -> None:
    path = write_sound(tmp_path / f"a{suffix}", tone(0.5))
    audio = read_audio(path, 44100)
    assert audio.shape == (2, pytest.approx(0.5 * 44100, abs=3000))  # some codecs pad with a frame or two
    assert 0.2 < abs(audio).max() < 0.6


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".ogg", ".opus", ".wav"])
def test_tags_are_read_wherever_a_format_keeps_them(tmp_path: Path, suffix: str) -> None:
    path = write_sound(tmp_path / f"a{suffix}", tags={"title": "Nameless", "genre": "Techno", "comment": "dark, slow"})
    assert read_tags(path) == {"genre": "Techno", "comment": "dark, slow"}


def test_tempo_mood_and_key_go_by_several_names(tmp_path: Path) -> None:
    id3 = write_sound(tmp_path / "a.mp3", tags={"TBPM": "128", "TMOO": "sad", "TKEY": "Am"})
    vorbis = write_sound(tmp_path / "a.flac", tags={"bpm": "90", "MOOD": "glad", "initialkey": "F"})
    assert read_tags(id3) == {"bpm": "128", "mood": "sad", "key": "Am"}
    assert read_tags(vorbis) == {"bpm": "90", "mood": "glad", "key": "F"}


def test_tags_that_are_not_utf8_cost_neither_the_sound_nor_the_rest(tmp_path: Path) -> None:
    path = write_latin_tags(tmp_path / "a.wav")
    assert read_tags(path) == {"genre": "Fado da S"}
    assert read_audio(path, 48000).shape == (2, 24000)


def test_huge_tags_are_cut_and_stay_below_a_messages_limit(tmp_path: Path) -> None:
    name = "\U0001d11e" * 100_000  # twelve characters each, as JSON writes it
    tags = dict.fromkeys(("genre", "mood", "comment", "description", "bpm", "initialkey"), name)
    found = read_tags(write_sound(tmp_path / "a.mka", tags=tags))
    assert {tag: len(text) for tag, text in found.items()} == {
        "genre": 200, "mood": 200, "comment": 1200, "description": 1200, "bpm": 20, "key": 20,
    }  # fmt: skip


def test_white_space_and_control_characters_go(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", tags={"comment": " slow\x07 and\n\tlow ", "genre": " \n "})
    assert read_tags(path) == {"comment": "slow and low"}


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        read_tags(video_factory.make_clip(tmp_path / "a.mp4", duration=0.4))
    assert caught.value.code == "no_audio_stream"
    with pytest.raises(MediaError) as caught:
        read_tags(video_factory.make_concat_playlist(tmp_path / "a.mp3", tmp_path / "a.mp4"))
    assert caught.value.code == "playlist"
