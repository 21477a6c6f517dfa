"""The counted work against torch's own counter of operations, and against the parameters of the networks."""

from collections.abc import Callable

import pytest
import torch
from diffusers import AutoencoderSAME, StableAudio3DiTModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import Dinov2Config, Dinov2Model, T5GemmaEncoderModel

from model_core.encoders.musicfm_network import MusicFmConfig, MusicFmNetwork
from model_core.evaluation.speed import networks
from model_core.evaluation.speed.build import audio_model, music_encoder, picture_encoder, text_config
from model_core.evaluation.speed.sizes import MEDIUM, SIZES, SMALL, TINY, Size
from model_core.evaluation.speed.stages import CURVE, PLAIN, TEXT_AND_CURVE, work_of
from model_core.evaluation.speed.work import band_pairs
from model_core.models.stable_audio.folder import AudioModel

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiny() -> AudioModel:
    return audio_model(TINY, CPU, torch.float32)


@torch.no_grad()
def counted(run: Callable[[], object]) -> int:
    """Operations by torch's counter, which knows attention on a CPU only when it is made of plain products."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


@pytest.mark.parametrize("curve", [False, True])
def test_a_step_of_the_transformer(tiny: AudioModel, curve: bool) -> None:
    batch, frames = 3, 21
    given = torch.randn(batch, TINY.transformer["local_add_cond_dim"], frames) if curve else None
    mine = networks.transformer(TINY, batch, frames, curve)
    theirs = counted(
        lambda: tiny.transformer(
            torch.randn(batch, 8, frames), torch.full((batch,), 0.5), torch.randn(batch, TINY.tokens + 1, 32),
            torch.randn(batch, 32), local_add_cond=given,
        )
    )  # fmt: skip
    assert mine.operations == theirs


def test_the_decoder_and_its_band(tiny: AudioModel) -> None:
    batch, frames = 2, 9
    theirs = counted(lambda: tiny.vae.decode(torch.randn(batch, 8, frames)))
    assert networks.decoder(TINY, batch, frames, whole=True).operations == theirs
    assert networks.decoder(TINY, batch, frames).operations < theirs


@pytest.mark.parametrize(("tokens", "reach"), [(40, 5), (6, 5), (4, 17), (1, 3)])
def test_pairs_within_a_band(tokens: int, reach: int) -> None:
    places = torch.arange(tokens)
    assert band_pairs(tokens, reach) == int(((places[:, None] - places).abs() <= reach).sum())


def test_the_prompt(tiny: AudioModel) -> None:
    tokens = torch.ones(2, TINY.tokens, dtype=torch.long)
    theirs = counted(lambda: tiny.text_encoder(tokens, attention_mask=tokens))
    assert networks.text(TINY, 2).operations == theirs


def test_pictures_and_music() -> None:
    network = picture_encoder(TINY, CPU)._network
    theirs = counted(lambda: network(pixel_values=torch.randn(3, 3, 42, 42)))
    assert networks.picture(TINY, 3, 42).operations == theirs
    features = 20
    listener = music_encoder(TINY, CPU)._network
    theirs = counted(lambda: listener(torch.randn(2, 16, 4 * features)))
    assert networks.music(TINY, 2, features).operations == theirs


@pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=lambda size: size.name)
def test_counted_weights_are_those_of_the_published_sizes(size: Size) -> None:
    """Built without memory. Left out are norms, biases, tables of which one row is read, and what does not run."""
    with torch.device("meta"):
        built = [
            (StableAudio3DiTModel(**size.transformer), networks.transformer(size, 1, 100, True)),
            (AutoencoderSAME(**size.vae).decoder, networks.decoder(size, 1, 100)),
            (Dinov2Model(Dinov2Config(**size.picture)), networks.picture(size, 1, 224)),
            (MusicFmNetwork(MusicFmConfig(**size.music)), networks.music(size, 1, 750)),
            (T5GemmaEncoderModel(text_config(size)).encoder.layers, networks.text(size, 1)),
        ]
    for network, work in built:
        parameters = sum(parameter.numel() for parameter in network.parameters())
        assert work.weights == pytest.approx(parameters, rel=0.01), type(network).__name__


def test_medium_is_the_class_as_diffusers_has_it_with_the_curve() -> None:
    with torch.device("meta"):
        published = dict(StableAudio3DiTModel().config)
    assert {name: published[name] for name in MEDIUM.transformer} == {**MEDIUM.transformer, "local_add_cond_dim": 257}
    with torch.device("meta"):
        same_s = dict(AutoencoderSAME().config)
    assert {name: same_s[name] for name in SMALL.vae} == dict(SMALL.vae)


def test_a_whole_stage_is_its_steps_and_windows() -> None:
    step = networks.transformer(MEDIUM, 3, MEDIUM.frames_of(30), True)
    whole = work_of(MEDIUM, TEXT_AND_CURVE.name, 30, 1)
    assert (whole.operations, whole.weights) == pytest.approx((100 * step.operations, 100 * step.weights))
    assert SMALL.frames_of(120) == 1292
    assert len(SMALL.windows_of(120)) == 1
    windows = SMALL.windows_of(380)
    assert len(windows) > 3
    assert windows[-1].last == SMALL.frames_of(380)
    # The first window of a plain piece has no per-frame input, those that go on from it have one.
    first, other = (networks.transformer(SMALL, 1, 1292, local).operations for local in (False, True))
    plain = work_of(SMALL, PLAIN.name, 380, 1).operations
    assert plain == pytest.approx(8 * (first + (len(windows) - 1) * other))
    assert work_of(SMALL, CURVE.name, 380, 1).operations == pytest.approx(8 * len(windows) * other)


def test_there_is_no_other_stage() -> None:
    assert set(SIZES) == {"small", "medium", "tiny"}
    with pytest.raises(ValueError, match="there is no stage nothing"):
        work_of(TINY, "nothing", 1, 1)
