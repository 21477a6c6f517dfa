import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from model_core.encoders.registry import music_encoder
from model_core.media import read_audio
from model_core.models.stable_audio.codecs.same import SameCodec
from model_core.models.stable_audio.conditions import PromptEncoder
from model_core.training.audio import track_maker
from model_core.training.audio.cache import cache_music, merge_index
from model_core.training.audio.track_maker import TrackEncoders
from model_core.training.audio.tracks import MakerIds, track_path
from tests.media.sound_files import RATE, tone, write_sound
from tests.stable_audio.tiny_base import LATENTS, tiny_pipeline
from tests.training.audio.fake_makers import Fakes
from tests.training.audio.music_cache import cached, skipped_in, tracks_of, write_music


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return write_music(tmp_path / "music")


def test_a_folder_becomestracks_of(music: Path) -> None:
    said = cached(music, Fakes().makers())
    tracks = tracks_of(music)
    assert [track.name for track in tracks] == ["a.wav", "b/c.flac", "d.wav"]
    assert [track.seconds for track in tracks] == [0.5, 0.75, 1.0]
    assert [track.captions for track in tracks] == [("calm piano", "slow"), ("Jazz",), ("",)]
    assert [track.latents.shape for track in tracks] == [(2, 12), (2, 18), (2, 24)]
    assert said[-1] == "music: 3 tracks, 0.04 minutes"
    assert said[0].startswith("music: 3 of 3 files in ")
    assert skipped_in(music) == []


def test_a_track_holds_what_the_makers_made(music: Path) -> None:
    fakes = Fakes()
    cached(music, fakes.makers())
    track = tracks_of(music)[0]
    heard = np.round(tone(0.5) * 32767) / 32768
    wanted = fakes.codec.encode(heard.astype(np.float32))
    assert track.latents.dtype == torch.float32
    assert torch.allclose(track.latents, wanted, rtol=2e-3)
    curve, given = track.curve, fakes.curves.curve(heard.astype(np.float32), RATE)
    assert (curve.encoder, curve.window, curve.sizes) == ("sizes", 0.25, None)
    assert np.array_equal(curve.times, given.times)
    assert np.allclose(curve.values, given.values, atol=1e-4)
    text = track.text(0)
    assert text.states[0, :, 0].tolist() == [0, 0, 0, 0, 4, 5]  # what is no word is 0, whatever the encoder had there
    assert text.mask.tolist() == [[False] * 4 + [True] * 2]
    assert track.text(1).states[0, -1].tolist() == [4.0] * 4
    with pytest.raises(IndexError):
        track.text(2)
    assert not tracks_of(music)[2].text(0).mask.any()


def test_nothing_is_made_twice(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = Fakes()
    cached(music, fakes.makers())
    assert fakes.work() == (3, 4)
    before = {path: path.read_bytes() for path in (music.parent / "cache" / "tracks").iterdir()}

    def opened(*_: object) -> None:
        raise AssertionError("an unchanged file was opened")

    monkeypatch.setattr(track_maker, "read_tags", opened)
    monkeypatch.setattr(track_maker, "read_audio", opened)
    assert "(3 kept, 0 made, 0 skipped)" in cached(music, fakes.makers())[0]
    assert fakes.work() == (3, 4)
    assert {path: path.read_bytes() for path in before} == before


def test_a_changed_file_is_made_again(music: Path) -> None:
    fakes = Fakes()
    cached(music, fakes.makers())
    write_sound(music / "d.wav", tone(0.6))
    cached(music, fakes.makers())
    assert fakes.codec.lengths[3:] == [round(0.6 * RATE)]
    assert tracks_of(music)[2].seconds == 0.6
    os.utime(music / "a.wav", ns=(1, 1))
    cached(music, fakes.makers())
    assert fakes.codec.lengths[4:] == [round(0.5 * RATE)]


def test_another_caption_costs_no_sound(music: Path) -> None:
    fakes = Fakes()
    cached(music, fakes.makers())
    latents = tracks_of(music)[1].latents
    (music / "b" / "c.json").write_text('{"caption": "cool jazz"}')
    (music / "a.txt").unlink()
    cached(music, fakes.makers())
    assert fakes.work() == (3, 6)
    assert [track.captions for track in tracks_of(music)] == [("",), ("cool jazz",), ("",)]
    assert torch.equal(tracks_of(music)[1].latents, latents)
    (music / "b" / "c.json").unlink()
    cached(music, fakes.makers())
    assert tracks_of(music)[1].captions == ("Jazz",)  # its tags again


def test_other_makers_make_their_part_again(music: Path) -> None:
    fakes = Fakes()
    cached(music, fakes.makers())
    cached(music, fakes.makers(text="text 2"))
    assert fakes.work() == (3, 8)
    cached(music, fakes.makers(sound="codec 2", text="text 2"))
    assert fakes.work() == (6, 12)
    assert {track.entry.marks.sound for track in tracks_of(music)} == {"codec 2"}


def test_files_that_are_gone_leave_index_and_disk(music: Path) -> None:
    cached(music, Fakes().makers())
    (music / "d.wav").unlink()
    cached(music, Fakes().makers())
    assert [track.name for track in tracks_of(music)] == ["a.wav", "b/c.flac"]
    assert len(list((music.parent / "cache" / "tracks").iterdir())) == 2


def test_a_killed_run_is_gone_on_with(music: Path) -> None:
    class Killed(BaseException):
        pass

    fakes = Fakes()
    encode = fakes.text.encode

    def killed(prompts: list[str]) -> object:
        if len(fakes.codec.lengths) == 2:
            raise Killed
        return encode(prompts)

    fakes.text.encode = killed  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        cached(music, fakes.makers())
    tracks = music.parent / "cache" / "tracks"
    kept = track_path(music.parent / "cache", "a.wav")
    assert list(tracks.iterdir()) == [kept]
    # What a kill in the middle of writing leaves: a file beside, and from a crash of the machine half a track.
    (tracks / ".c.123456.safetensors").write_bytes(b"half")
    track_path(music.parent / "cache", "b/c.flac").write_bytes(kept.read_bytes()[:-10])
    track_path(music.parent / "cache", "d.wav", ".json").write_text('{"source": ')
    fakes = Fakes()
    cached(music, fakes.makers())
    assert len(fakes.codec.lengths) == 2
    assert len(tracks_of(music)) == len(list(tracks.iterdir())) == 3


def test_processes_share_the_work(music: Path) -> None:
    cache, shares = music.parent / "cache", [Fakes() for _ in range(4)]
    for rank, fakes in enumerate(shares):
        cache_music(music, cache, fakes.makers(), shortest_s=0.25, share=(rank, 4), say=lambda _: None)
    assert [fakes.work() for fakes in shares] == [(1, 2), (1, 1), (1, 1), (0, 0)]
    merge_index(music, cache, shares[0].makers().marks, lambda _: None)
    assert len(tracks_of(music)) == 3


def test_names_that_are_no_text_are_names_too(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    write_sound(music / "a.wav").rename(os.fsdecode(os.fsencode(music) + b"/\xe9t\xe9.wav"))
    (music / os.fsdecode(b"\xff.wav")).touch()
    cached(music, Fakes().makers())
    assert [track.name for track in tracks_of(music)] == ["\\udce9t\\udce9.wav"]
    assert tracks_of(music)[0].latents.shape == (2, 12)
    assert skipped_in(music) == ["\\udcff.wav: The file is empty (0 bytes)."]


def test_long_captions_are_noted_once(music: Path) -> None:
    (music / "d.txt").write_text("x" * 1001)
    note = "d.wav: d.txt has a caption longer than 1000 characters; the rest of it is cut off"
    assert note in cached(music, Fakes().makers())
    assert note not in cached(music, Fakes().makers())
    assert len(tracks_of(music)[2].captions[0]) == 1000


def test_the_index_tells_what_is_in_the_cache(music: Path) -> None:
    cached(music, Fakes().makers())
    index = json.loads((music.parent / "cache" / "index.json").read_text())
    status = (music / "a.wav").stat()
    assert index["music"] == str(music)
    assert index["tracks"][0] == {
        "source": {"name": "a.wav", "size": status.st_size, "mtime_ns": status.st_mtime_ns},
        "marks": {"sound": "codec 1", "text": "text 1"},
        "seconds": 0.5,
        "captions": ["calm piano", "slow"],
        "captions_from": "sidecar",
        "encoder": "sizes",
        "window": 0.25,
    }


def test_with_the_real_classes(music: Path) -> None:
    pipeline = tiny_pipeline()
    codec, text = SameCodec(pipeline.vae), PromptEncoder(pipeline.tokenizer, pipeline.text_encoder)
    makers = TrackEncoders(codec, music_encoder("musicnn"), text, MakerIds("tiny SAME and musicnn", "tiny T5Gemma"))
    cached(music, makers)
    track = tracks_of(music)[0]
    audio = read_audio(music / "a.wav", 44100)
    assert track.latents.shape == (LATENTS, codec.count_frames(track.seconds))
    assert torch.allclose(track.latents, codec.encode(audio), rtol=1e-3, atol=1e-3)
    assert track.curve.encoder == "musicnn"
    assert np.allclose(track.curve.values, music_encoder("musicnn").curve(audio, 44100).values, atol=1e-5)
    wanted = text.encode(["calm piano"])
    assert torch.equal(track.text(0).mask, wanted.mask)
    words = wanted.mask[..., None]
    assert torch.allclose(track.text(0).states, wanted.states * words, rtol=1e-3, atol=1e-4)
