"""The production model with random weights in its published sizes, and the stages that the speed script measures.

The speed of a network does not depend on its weights, so nothing is downloaded.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import torch
from diffusers import (
    AutoencoderSAME,
    FlowMatchEulerDiscreteScheduler,
    StableAudio3DiTModel,
    StableAudio3DurationEmbedder,
)
from transformers import Dinov2Config, Dinov2Model, GemmaTokenizer, T5GemmaConfig, T5GemmaEncoderModel
from transformers.models.t5gemma import T5GemmaModuleConfig

from model_core.encoders.dinov2 import Dinov2
from model_core.encoders.musicfm import MusicFm
from model_core.encoders.musicfm_network import MusicFmConfig, MusicFmNetwork
from model_core.flow.sampler import Guidance
from model_core.models.folder.manifest import Encoders
from model_core.models.stable_audio import AudioCurve, AudioManifest, SamplingDefaults, Windows
from model_core.models.stable_audio.folder import StableAudioParts, restore_exact_frequencies
from model_core.models.stable_audio.init import CONTEXT_SHARE, ENDING_SHARE

EAGER, COMPILED, DIFFUSERS = "eager", "compiled", "diffusers"
WAYS: Final = (EAGER, COMPILED, DIFFUSERS)
PROMPT, DECODE, PICTURE, MUSIC = "prompt", "decode", "picture encoder", "music encoder"
BATCHES: Final = (1, 4)
_SPECIAL: Final = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")


@dataclass(frozen=True)
class Size:
    """One size of the production model: see speed_sizes.toml.

    Attributes:
        name: for the tables.
        transformer, vae, duration, text, picture, music: arguments of the classes of its networks.
        tokens: length that prompts are padded to.
        longest_s: longest music that is made at once, seconds; longer music is made in windows.
        seconds: lengths of music to measure.
        distilled_steps, base_steps: of the sampler.
    """

    name: str
    transformer: Mapping[str, Any]
    vae: Mapping[str, Any]
    duration: Mapping[str, Any]
    text: Mapping[str, Any]
    picture: Mapping[str, Any]
    music: Mapping[str, Any]
    tokens: int
    longest_s: float
    seconds: tuple[float, ...]
    distilled_steps: int
    base_steps: int


def load_size(name: str) -> Size:
    """The size "small", "medium" or "tiny"."""
    tables = tomllib.loads(Path(__file__).with_name("speed_sizes.toml").read_text("utf-8"))
    fields = {**tables["shared"], **tables[name]}
    return Size(name, **{**fields, "seconds": tuple(fields["seconds"])})


def build_model(size: Size, device: torch.device, dtype: torch.dtype) -> StableAudioParts:
    """An audio model with random weights, as from load_stable_audio_parts, with the base checkpoints' scheduler."""
    transformer = _build(lambda: StableAudio3DiTModel(**size.transformer), device, dtype)
    embedder = _build(lambda: StableAudio3DurationEmbedder(**size.duration), device, torch.float32)
    restore_exact_frequencies(transformer, embedder)
    return StableAudioParts(
        manifest=_manifest(size),
        transformer=transformer,
        vae=_build(lambda: AutoencoderSAME(**_tuples(size.vae)), device, dtype),
        text_encoder=_build(lambda: T5GemmaEncoderModel(_text_config(size)), device, dtype),
        tokenizer=_tokenizer(size.tokens),
        duration_embedder=embedder,
        scheduler=build_scheduler(distilled=False),
    )


def build_scheduler(*, distilled: bool) -> FlowMatchEulerDiscreteScheduler:
    """The scheduler of the base checkpoints, or of the distilled ones, which draws fresh noise at each step."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, stochastic_sampling=distilled)


def build_picture_encoder(size: Size, device: torch.device) -> Dinov2:
    """DINOv2 with random weights, in the precision that it is used in."""
    network = _build(lambda: Dinov2Model(Dinov2Config(**size.picture)), device, torch.float32)
    return Dinov2("dinov2", network, str(device))


def build_music_encoder(size: Size, device: torch.device) -> MusicFm:
    """MusicFM with random weights, in float32 as always."""
    network = _build(lambda: MusicFmNetwork(MusicFmConfig(**size.music)), device, torch.float32)
    return MusicFm(network, str(device))


def _tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}


def _build(make: Any, device: torch.device, dtype: torch.dtype) -> Any:
    with device:  # made where it runs: no copy from the CPU
        network = make()
    # Module's own method: diffusers' warns on every change of precision.
    torch.nn.Module.to(network, dtype=dtype)
    return network.eval().requires_grad_(False)


def _tokenizer(length: int) -> GemmaTokenizer:
    """A tokenizer of the published class that knows bytes alone; prompts are padded to ``length`` either way."""
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return cast(GemmaTokenizer, GemmaTokenizer(vocab=vocabulary, model_max_length=length))


def _text_config(size: Size) -> T5GemmaConfig:
    kinds = ("sliding_attention", "full_attention")
    layer_types = [kinds[layer % 2] for layer in range(size.text["num_hidden_layers"])]

    def module() -> dict[str, Any]:
        return dict(T5GemmaModuleConfig(**size.text, layer_types=layer_types).to_dict())

    return T5GemmaConfig(encoder=module(), decoder=module(), is_encoder_decoder=False)


def _manifest(size: Size) -> AudioManifest:
    context_s, ending_s = (round(share * size.longest_s, 3) for share in (CONTEXT_SHARE, ENDING_SHARE))
    return AudioManifest(
        format=2,
        name=f"random {size.name}",
        version="0",
        licence="CC0-1.0",
        base="random weights",
        encoders=Encoders(text="t5gemma", picture="dinov2-large", music="musicfm"),
        curve=AudioCurve(hann_window_s=2.44, trained=True),
        windows=Windows(longest_s=size.longest_s, context_s=context_s, ending_s=ending_s),
        defaults=SamplingDefaults(steps=size.base_steps, text_guidance=7.0, curve_guidance=2.0),
        sha256={"none": "0" * 64},  # there are no files
    )


@dataclass(frozen=True)
class Sampling:
    """A way of sampling: distilled or base checkpoint, and the guidance scales; a curve scale of 0 leaves it out."""

    distilled: bool
    guidance: Guidance


SAMPLINGS: Final = {
    "distilled": Sampling(True, Guidance(1.0, 0.0)),
    "distilled, curve": Sampling(True, Guidance(1.0, 1.0)),
    "base, text guidance": Sampling(False, Guidance(7.0, 0.0)),
    "base, text and curve guidance": Sampling(False, Guidance(7.0, 2.0)),
}


@dataclass(frozen=True)
class Cell:
    """One stage in one way.

    Attributes:
        size, seconds, batch, stage, way: of the measurement; seconds of music or video.
        time_s: median time of the whole stage; None before it is measured, and where that fails.
        memory_bytes: the most that torch held, weights included; None on a CPU.
        reason: why there is no time.
    """

    size: str
    seconds: float
    batch: int
    stage: str
    way: str
    time_s: float | None = None
    memory_bytes: int | None = None
    reason: str = ""


def list_cells(size: Size, encoders: bool) -> Iterator[Cell]:
    """List the measurements of a size, in order: eager and diffusers first, then the compiled sampling.

    ``encoders``: with those of the two curves, which all sizes share.
    """
    for stage in (PICTURE, MUSIC) if encoders else ():
        yield from (Cell("", seconds, 1, stage, EAGER) for seconds in size.seconds)
    for batch in BATCHES:
        yield from (Cell(size.name, size.seconds[0], batch, PROMPT, way) for way in (EAGER, DIFFUSERS))
    for seconds in size.seconds:
        for batch in BATCHES:
            for way in (EAGER, DIFFUSERS):
                for name, sampling in SAMPLINGS.items():
                    # diffusers' pipeline takes no curve, and makes no music in windows.
                    if way == EAGER or not (sampling.guidance.curve or seconds > size.longest_s):
                        yield Cell(size.name, seconds, batch, name, way)
                yield Cell(size.name, seconds, batch, DECODE, way)
    for name in SAMPLINGS:
        for seconds in size.seconds:
            yield from (Cell(size.name, seconds, batch, name, COMPILED) for batch in BATCHES)
