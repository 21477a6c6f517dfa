"""The codec in chunks makes what diffusers makes at once, and minds its input."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from diffusers import AutoencoderSAME
from numpy.typing import NDArray

from model_core.errors import CanceledError
from model_core.models.stable_audio.codecs.same import SameCodec, chunk_length, find_margin
from tests.stable_audio.tiny_base import HOP, LATENTS, tiny_pipeline

_ONE_LEVEL = {"encoder_strides": (16,), "encoder_transformer_depths": (2,), "encoder_c_mults": (4,)}
_TWO_LEVELS = {"encoder_strides": (4, 2), "encoder_transformer_depths": (3, 1), "encoder_c_mults": (2, 4)}
_WIDE = {**_ONE_LEVEL, "encoder_transformer_depths": (1,), "sliding_window": 2}


def _vae(levels: Mapping[str, object], *, differential: bool = True) -> AutoencoderSAME:
    torch.manual_seed(3)
    vae = AutoencoderSAME(
        patch_size=4, encoder_channels=8, latent_dim=LATENTS, dim_heads=8, ff_mult=2,
        use_differential_attention=differential, decoder_sinusoidal_blocks=(2,), **levels,
    )  # fmt: skip
    for name, parameter in vae.named_parameters():
        # what starts at zero would hide what a layer sees, and so would attention that is the same everywhere
        if "q_norm" in name or "k_norm" in name:
            torch.nn.init.constant_(parameter, 2.0)
        else:
            torch.nn.init.normal_(parameter, std=0.3)
    return vae.eval()


def _noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def _music(samples: int) -> NDArray[np.float32]:
    return (0.3 * _noise(2, samples)).numpy()


def _window(vae: AutoencoderSAME) -> tuple[int, int]:
    config = vae.config
    margin = find_margin(config["encoder_strides"], config["encoder_transformer_depths"], config["sliding_window"])
    return chunk_length(margin), margin


@pytest.mark.parametrize("levels", [_ONE_LEVEL, _TWO_LEVELS, _WIDE], ids=["one-level", "two-levels", "wide"])
@pytest.mark.parametrize("differential", [True, False], ids=["differential", "plain"])
@torch.no_grad()
def test_chunks_make_what_the_whole_makes(levels: Mapping[str, object], differential: bool) -> None:
    vae = _vae(levels, differential=differential)
    codec, (window, margin) = SameCodec(vae), _window(vae)
    for frames in (1, window - 1, window, window + 1, 2 * window - 2 * margin, 2 * window - 2 * margin + 1, 5 * window):
        latents = _noise(1 + frames % 2, LATENTS, frames)
        whole = vae.decode(latents).sample.clamp(-1, 1).numpy()
        np.testing.assert_allclose(codec.decode(latents, frames * codec.hop), whole, atol=1e-4)
        music = _music(frames * codec.hop)
        encoded = vae.encode(torch.from_numpy(music)[None]).latents[0]
        torch.testing.assert_close(codec.encode(music), encoded, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("levels", [_ONE_LEVEL, _TWO_LEVELS, _WIDE], ids=["one-level", "two-levels", "wide"])
@torch.no_grad()
def test_the_margin_is_just_what_the_network_sees(levels: Mapping[str, object]) -> None:
    vae = _vae(levels).double()
    _, margin = _window(vae)
    cut, hop = margin + 3, vae.downsampling_ratio
    latents, audio = _noise(1, LATENTS, 2 * cut).double(), _noise(1, 2, 2 * cut * hop).double()
    whole, encoded = vae.decode(latents).sample, vae.encode(audio).latents
    # cut at the end alone, where positions stay the same: rounding is then no reason to differ
    sound = (vae.decode(latents[..., :cut]).sample - whole[..., : cut * hop]).reshape(1, 2, cut, hop).amax(dim=3)
    frames = vae.encode(audio[..., : cut * hop]).latents - encoded[..., :cut]
    for moved in (sound, frames):
        assert moved.abs().amax(dim=(0, 1)).gt(1e-12).nonzero().flatten().tolist() == list(range(cut - margin, cut))


@torch.no_grad()
def test_the_shape_of_the_published_codec() -> None:
    vae = tiny_pipeline().vae
    codec = SameCodec(vae)
    assert (codec.sample_rate, codec.hop, codec.channels) == (44100, HOP, LATENTS)
    assert codec.frame_rate == 44100 / 4096
    latents, samples = _noise(2, LATENTS, 61), 61 * HOP - 5
    decoded = codec.decode(latents, samples)
    assert decoded.shape == (2, 2, samples)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, vae.decode(latents).sample.clamp(-1, 1).numpy()[..., :samples], atol=1e-4)


def test_frames_are_counted_as_diffusers_counts_them() -> None:
    pipeline = tiny_pipeline()
    codec = SameCodec(pipeline.vae)
    hop_s = 4096 / 44100
    for duration in (0.05, hop_s, 1.0, 2.5):
        made = pipeline("calm", duration=duration, num_inference_steps=1, output_type="latent").audios
        assert codec.count_frames(duration) == made.shape[2]
    with pytest.raises(ValueError, match="more than 0 s"):
        codec.count_frames(0)
    np.testing.assert_allclose(codec.frame_times(3, first=10), [10.5 * hop_s, 11.5 * hop_s, 12.5 * hop_s])


@torch.no_grad()
def test_the_last_frame_is_filled_with_silence() -> None:
    vae = _vae(_TWO_LEVELS)
    codec = SameCodec(vae)
    music = _music(3 * codec.hop + 1)
    padded = torch.nn.functional.pad(torch.from_numpy(music), (0, codec.hop - 1))
    encoded = codec.encode(music)
    assert encoded.shape == (LATENTS, 4)
    torch.testing.assert_close(encoded, vae.encode(padded[None]).latents[0], atol=1e-5, rtol=1e-5)


def test_sound_is_clipped() -> None:
    vae = _vae(_ONE_LEVEL)
    vae.decoder.blocks[-1].mapping.weight_g.data *= 100
    codec = SameCodec(vae)
    decoded = codec.decode(_noise(1, LATENTS, 4), 4 * codec.hop)
    assert decoded.min() == -1
    assert decoded.max() == 1


def test_progress_is_told_for_each_chunk_and_may_stop_the_work() -> None:
    vae = _vae(_ONE_LEVEL)
    codec, (window, margin) = SameCodec(vae), _window(vae)
    latents = _noise(1, LATENTS, 2 * window - 2 * margin + 1)
    told: list[float] = []
    codec.decode(latents, codec.hop, told.append)
    assert told == pytest.approx([0, 1 / 3, 2 / 3, 1])

    def stop(fraction: float) -> None:
        if fraction > 0:
            raise CanceledError

    with pytest.raises(CanceledError):
        codec.decode(latents, codec.hop, stop)


@torch.no_grad()
def test_positions_stay_exact_in_bfloat16() -> None:
    latents = _noise(1, LATENTS, 20)  # 340 tokens
    exact = _vae(_ONE_LEVEL).decode(latents).sample.clamp(-1, 1).numpy()
    half = _vae(_ONE_LEVEL).bfloat16()
    rounded = half.decode(latents.bfloat16()).sample.float().clamp(-1, 1).numpy()
    decoded = SameCodec(half).decode(latents, exact.shape[2])
    late = slice(-4 * half.downsampling_ratio, None)
    error, uncorrected = (np.abs(made - exact)[..., late].mean() for made in (decoded, rounded))
    assert error < 0.6 * uncorrected
    assert half.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("shape", "samples", "fault"),
    [
        ((LATENTS, 4), 4, r"\(B, 8, F\)"),
        ((1, LATENTS + 1, 4), 4, r"\(B, 8, F\)"),
        ((0, LATENTS, 4), 4, r"\(B, 8, F\)"),
        ((1, LATENTS, 4), 4 * 64 + 1, "1 to 256 samples, not 257"),
        ((1, LATENTS, 4), 0, "not 0"),
        ((1, LATENTS, 0), 1, "0 latent frames"),
    ],
)
def test_other_latents_are_refused(shape: tuple[int, ...], samples: int, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        SameCodec(_vae(_ONE_LEVEL)).decode(torch.zeros(shape), samples)


@pytest.mark.parametrize("shape", [(44100,), (1, 100), (2, 0), (1, 2, 100)])
def test_other_sound_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"of shape \(2, N\)"):
        SameCodec(_vae(_ONE_LEVEL)).encode(np.zeros(shape, np.float32))
