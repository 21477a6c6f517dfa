import os
from pathlib import Path

import pytest

from model_core.errors import InputError
from model_core.training.audio.cache import SUFFIXES, find_music
from tests.media.sound_files import CODECS


def _touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_music(folder)]


def test_sound_files_at_any_depth_are_found_in_order(tmp_path: Path) -> None:
    _touched(tmp_path, "b/2.MP3", "b/c/1.flac", "a.wav", "b/2.txt", "cover.jpg", "notes.json", "film.mp4", "wav")
    assert _names(tmp_path) == ["a.wav", "b/2.MP3", "b/c/1.flac"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    _touched(tmp_path, "a.wav", "._a.wav", ".trash/b.wav")
    assert _names(tmp_path) == ["a.wav"]
    assert _names(_touched(tmp_path / ".music", "c.wav")) == ["c.wav"]  # but for the folder that was asked for


def test_links_are_followed_and_loops_are_harmless(tmp_path: Path) -> None:
    music = _touched(tmp_path / "music", "album/a.wav")
    _touched(tmp_path / "elsewhere", "b.wav")
    (music / "album" / "up").symlink_to(music)
    (music / "other").symlink_to(tmp_path / "elsewhere")
    (music / "broken.wav").symlink_to(tmp_path / "nothing")
    assert _names(music) == ["album/a.wav", "other/b.wav"]


def test_a_folder_without_music_is_told_in_one_line(tmp_path: Path) -> None:
    file = _touched(tmp_path / "texts", "a.txt") / "a.txt"
    for folder, what in ((tmp_path / "x", "is not there"), (file, "is no folder"), (file.parent, "no music in")):
        with pytest.raises(InputError, match=what) as caught:
            find_music(folder)
        assert caught.value.field == "--data"
        assert "\n" not in str(caught.value)


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touched(tmp_path, "a.wav", "closed/b.wav")
    scandir = os.scandir

    def refuse(path: str) -> object:  # a test that runs as root is refused nothing
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="closed cannot be read: Permission denied"):
        find_music(tmp_path)


def test_every_suffix_is_one_whose_sound_is_known_to_open() -> None:
    assert set(SUFFIXES) == set(CODECS)
