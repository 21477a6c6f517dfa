"""The production model's parts with random weights, made where they will run: no file, and no copy from the CPU."""

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
from model_core.evaluation.speed.sizes import Size
from model_core.evaluation.speed.stages import TEXT_AND_CURVE
from model_core.models.folder.manifest import Encoders
from model_core.models.stable_audio.folder import AudioModel, count_exactly
from model_core.models.stable_audio.manifest import AudioCurve, AudioManifest, SamplingDefaults

_STD: Final = 0.02
_SPECIAL: Final = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")


def audio_model(size: Size, device: torch.device, dtype: torch.dtype) -> AudioModel:
    """An audio model of random weights, as load_audio gives one, with the base models' scheduler."""
    transformer = _made(lambda: StableAudio3DiTModel(**size.transformer), device, dtype)
    embedder = _made(lambda: StableAudio3DurationEmbedder(**size.duration), device, torch.float32)
    count_exactly(transformer, embedder)
    return AudioModel(
        manifest=_manifest(size),
        transformer=transformer,
        vae=_made(lambda: AutoencoderSAME(**size.vae), device, dtype),
        text_encoder=_made(lambda: T5GemmaEncoderModel(text_config(size)), device, dtype),
        tokenizer=tokenizer(size.tokens),
        duration_embedder=embedder,
        scheduler=scheduler(distilled=False),
    )


def scheduler(*, distilled: bool) -> FlowMatchEulerDiscreteScheduler:
    """That of the base checkpoints, or that of the distilled ones, which draws fresh noise at each step."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, stochastic_sampling=distilled)


def tokenizer(length: int) -> GemmaTokenizer:
    """A tokenizer of the published class that knows bytes alone. Prompts are filled up to ``length`` either way."""
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    found = GemmaTokenizer(vocab={token: number for number, token in enumerate(tokens)}, model_max_length=length)
    return cast(GemmaTokenizer, found)


def picture_encoder(size: Size, device: torch.device) -> Dinov2:
    """DINOv2 in the precision in which it is used."""
    network = _made(lambda: Dinov2Model(Dinov2Config(**size.picture)), device, torch.float32)
    return Dinov2("dinov2", network, str(device))


def music_encoder(size: Size, device: torch.device) -> MusicFm:
    """MusicFM, in float32 as always."""
    network = _made(lambda: MusicFmNetwork(MusicFmConfig(**size.music)), device, torch.float32)
    return MusicFm(network, str(device))


def _made(make: Any, device: torch.device, dtype: torch.dtype) -> Any:
    with device:
        network = make()
    # Module's own method: diffusers' says something on every change of precision.
    torch.nn.Module.to(network, dtype=dtype)
    _liven(network)
    return network.eval().requires_grad_(False)


def _liven(network: torch.nn.Module) -> None:
    """Weights that start at zero get small values, so that nothing can be left out because it changes nothing."""
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=_STD)


def text_config(size: Size) -> T5GemmaConfig:
    """The encoder's configuration; the decoder that goes with it is not made."""

    def module() -> dict[str, Any]:
        return dict(T5GemmaModuleConfig(**size.text).to_dict())

    return T5GemmaConfig(encoder=module(), decoder=module(), is_encoder_decoder=False)


def _manifest(size: Size) -> AudioManifest:
    guidance = TEXT_AND_CURVE.guidance
    return AudioManifest(
        format=2,
        name=f"random {size.name}",
        version="0",
        licence="CC0-1.0",
        base="random weights",
        encoders=Encoders(text="t5gemma", picture="dinov2-large", music="musicfm"),
        curve=AudioCurve(hann_window_s=2.44, trained=True),
        windows=size.windows,
        defaults=SamplingDefaults(steps=size.base_steps, text_guidance=guidance.text, curve_guidance=guidance.curve),
        sha256={"none": "0" * 64},  # there are no files
    )
