"""Encoders by name: the shipped, the kept and the published ones, and what is said when they cannot be fetched."""

from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from model_core.encoders import musicfm
from model_core.encoders import weights as encoder_weights
from model_core.encoders.dinov2 import Dinov2
from model_core.encoders.musicfm_network import MusicFmConfig
from model_core.encoders.registry import (
    MUSIC_ENCODERS,
    PICTURE_ENCODERS,
    keep_encoder,
    music_encoder,
    picture_encoder,
)
from model_core.errors import ModelError
from tests.encoders.tiny import MUSICFM_SIZES, published_musicfm, tiny_dinov2, tiny_musicfm

SHIPPED = ("efficientnet-lite0", "motion-dis", "musicnn")
MUSIC = np.random.default_rng(0).normal(0, 0.1, 24000).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "size", "feature_kind"), [("efficientnet-lite0", 224, "picture"), ("motion-dis", 112, "motion")]
)
def test_shipped_picture_encoders_need_no_weights(tmp_path: Path, name: str, size: int, feature_kind: str) -> None:
    encoder = picture_encoder(name, tmp_path / "nothing here")
    assert (encoder.name, encoder.size, encoder.feature_kind) == (name, size, feature_kind)
    assert len(encoder.embed(np.zeros((2, size, size, 3), np.uint8))) == 2


def test_the_shipped_music_encoder_gives_a_curve() -> None:
    encoder = music_encoder("musicnn")
    curve = encoder.curve(MUSIC, 24000)
    assert encoder.name == curve.encoder == "musicnn"
    assert len(curve.values) > 20


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_not_kept(tmp_path: Path, name: str) -> None:
    keep_encoder(name, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_kept_picture_encoder_sees_what_its_source_does(tmp_path: Path) -> None:
    source, out = tiny_dinov2(tmp_path / "source"), tmp_path / "out" / "picture"
    keep_encoder("dinov2-large", str(source), out)
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    pictures = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    encoder = picture_encoder("dinov2-large", out)
    assert encoder.name == "dinov2-large"
    np.testing.assert_array_equal(encoder.embed(pictures), Dinov2.load("dinov2-large", source).embed(pictures))


def test_a_kept_music_encoder_hears_what_its_source_does(tmp_path: Path) -> None:
    source, out = tiny_musicfm(tmp_path / "source"), tmp_path / "out"
    keep_encoder("musicfm", str(source), out)
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    encoder = music_encoder("musicfm", out)
    assert encoder.name == "musicfm"
    np.testing.assert_array_equal(
        encoder.curve(MUSIC, 24000).values, music_encoder("musicfm", source).curve(MUSIC, 24000).values
    )


def test_a_published_checkpoint_of_another_size_than_the_published_is_not_kept(tmp_path: Path) -> None:
    checkpoint = published_musicfm(tmp_path)
    with pytest.raises(ModelError, match=r"musicfm: .*pretrained_msd\.pt: weight conv\.\S+ has the shape"):
        keep_encoder("musicfm", str(checkpoint), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_published_weights_are_taken_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def snapshot(repository: str, **settings: Any) -> str:
        asked.append((repository, settings))
        return str(tiny_dinov2(tmp_path / "snapshot"))

    def file(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(published_musicfm(tmp_path / "files").with_name(name))

    def sized(**fields: Any) -> MusicFmConfig:
        return MusicFmConfig(**{**MUSICFM_SIZES, **fields})

    monkeypatch.setattr(encoder_weights, "snapshot_download", snapshot)
    monkeypatch.setattr(encoder_weights, "hf_hub_download", file)
    monkeypatch.setattr(musicfm, "MusicFmConfig", sized)
    keep_encoder("dinov2-base", None, tmp_path / "picture")
    keep_encoder("musicfm", None, tmp_path / "music")
    patterns = ["config.json", "*.safetensors", "*.safetensors.index.json"]
    assert asked == [
        ("facebook/dinov2-base", {"allow_patterns": patterns}),
        ("minzwon/MusicFM", "msd_stats.json"),
        ("minzwon/MusicFM", "pretrained_msd.pt"),
    ]
    assert picture_encoder("dinov2-base", tmp_path / "picture").name == "dinov2-base"
    assert len(music_encoder("musicfm", tmp_path / "music").curve(MUSIC, 24000).values) == 24


OPTIONS = [
    ("dinov2-small", "facebook/dinov2-small", "--picture-from"),
    ("musicfm", "minzwon/MusicFM", "--music-from"),
]


@pytest.mark.parametrize(("name", "repository", "option"), OPTIONS)
def test_offline_the_option_for_a_local_copy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, repository: str, option: str
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        ModelError, match=rf"{name}: {repository} cannot be fetched: .*{option} takes a local copy"
    ) as caught:
        keep_encoder(name, None, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "repository", "option"), OPTIONS)
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GatedRepoError, "grants access on request"),
        (RepositoryNotFoundError, "no such repository"),
        (TimeoutError, "TimeoutError"),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, repository: str, option: str,
    error: type[Exception], words: str,
) -> None:  # fmt: skip
    def refuse(*asked: Any, **settings: Any) -> str:
        raise error.__new__(error)

    monkeypatch.setattr(encoder_weights, "snapshot_download", refuse)
    monkeypatch.setattr(encoder_weights, "hf_hub_download", refuse)
    load = picture_encoder if name in PICTURE_ENCODERS else music_encoder
    with pytest.raises(ModelError, match=rf"{repository} cannot be fetched: .*{words}.*{option}"):
        load(name)


@pytest.mark.parametrize(("name", "repository", "option"), OPTIONS)
def test_a_local_copy_that_is_not_there_is_named(tmp_path: Path, name: str, repository: str, option: str) -> None:
    with pytest.raises(ModelError, match=rf"{name}: .*absent.*{option}"):
        keep_encoder(name, str(tmp_path / "absent"), tmp_path / "out")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=f"no picture encoder clip. Known are {', '.join(PICTURE_ENCODERS)}"):
        picture_encoder("clip")
    with pytest.raises(ModelError, match=f"no music encoder mert. Known are {', '.join(MUSIC_ENCODERS)}"):
        music_encoder("mert")
    with pytest.raises(ModelError, match=r"no music encoder mert. Known are .*musicfm, musicnn"):
        keep_encoder("mert", None, Path("out"))
