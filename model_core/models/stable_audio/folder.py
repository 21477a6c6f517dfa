"""The audio model's folder: the parts of a Stable Audio 3 pipeline, the curve's encoders, and v2m.json.

transformer/, scheduler/, vae/, text_encoder/, tokenizer/ and duration_embedder/ are as diffusers lays them out;
encoders/picture and encoders/music hold the weights of encoders that this package does not ship.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderSAME,
    FlowMatchEulerDiscreteScheduler,
    StableAudio3DiTModel,
    StableAudio3DurationEmbedder,
)
from diffusers.models.transformers.transformer_stable_audio3 import StableAudio3RotaryEmbedding
from transformers import PreTrainedTokenizerBase, T5GemmaEncoderModel

from model_core.encoders.registry import has_weights
from model_core.errors import ModelError
from model_core.models.folder.manifest import (
    FORMAT,
    MANIFEST,
    compute_digests,
    read_manifest_as,
)
from model_core.models.folder.parts import (
    config_of,
    config_of_text_encoder,
    load_part,
    load_scheduler,
    load_text_encoder,
    load_tokenizer,
)
from model_core.models.stable_audio import AudioManifest
from model_core.options import ModelInfo

CURVE_CHANNELS: Final = 1
TEXT_ENCODER: Final = "t5gemma"
COPIED: Final = ("scheduler", "vae", "text_encoder", "tokenizer", "duration_embedder")
"""Parts that are as they were in the base."""
PICTURE_WEIGHTS: Final = "encoders/picture"
MUSIC_WEIGHTS: Final = "encoders/music"
_NETWORKS: Final[dict[str, Any]] = {
    "transformer": StableAudio3DiTModel,
    "vae": AutoencoderSAME,
    "duration_embedder": StableAudio3DurationEmbedder,
}
_SHARD: Final = "4GB"


@dataclass(frozen=True)
class StableAudioParts:
    """The parts of an audio model, in evaluation mode on one device."""

    manifest: AudioManifest
    transformer: StableAudio3DiTModel
    vae: AutoencoderSAME
    text_encoder: T5GemmaEncoderModel
    tokenizer: PreTrainedTokenizerBase
    duration_embedder: StableAudio3DurationEmbedder
    scheduler: FlowMatchEulerDiscreteScheduler

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        told = self.manifest.model_dump(include={"name", "version", "kind", "licence", "base"})
        return ModelInfo(**told)

    @property
    def distilled(self) -> bool:
        """Whether it was made for a few steps that draw fresh noise, and needs no guidance by the prompt."""
        return bool(self.scheduler.config["stochastic_sampling"])


def encoder_weights(folder: Path, place: str, name: str) -> Path | None:
    """Folder of an encoder's weights in a model folder; None where they are the package's own.

    Args:
        folder: the model folder.
        place: PICTURE_WEIGHTS or MUSIC_WEIGHTS.
        name: of the encoder.

    Raises:
        ModelError: the encoder has weights of its own, and they are not there. They are not taken from the hub: the
            same folder is the same model.
    """
    if not has_weights(name):
        return None
    if not (folder / place).is_dir():
        raise ModelError(f"model folder {folder}: {place} is missing, the weights of {name}")
    return folder / place


def read_audio_manifest(folder: Path) -> AudioManifest:
    """See read_manifest_as; ModelError also when a part of the model is left out."""
    manifest = read_manifest_as(folder, AudioManifest)
    for part in ("transformer", *COPIED):
        if not any(name.startswith(f"{part}/") for name in manifest.sha256):
            raise ModelError(f"model folder {folder}: {MANIFEST}: sha256: nothing of {part} is named")
    if manifest.encoders.text != TEXT_ENCODER:
        fault = f"encoders.text is {manifest.encoders.text}; an audio model's is {TEXT_ENCODER}"
        raise ModelError(f"model folder {folder}: {MANIFEST}: {fault}")
    return manifest


def load_stable_audio_parts(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    before: Callable[[AudioManifest], None] = lambda manifest: None,
) -> StableAudioParts:
    """Load and check an audio model's folder onto a device.

    Args:
        folder: with v2m.json.
        device, dtype: of the networks, see count_exactly for what stays in float32.
        before: called when the files have been checked and nothing has been loaded.

    Raises:
        ModelError: missing, damaged, of another architecture, or without the curve's input; names file and field.
    """
    manifest = read_audio_manifest(folder)
    check_parts(folder, curve=True)
    before(manifest)

    # The duration's frequencies go up to 10,000 turns, of which bfloat16 would keep no angle.
    precision = {"duration_embedder": torch.float32}
    networks = {
        part: load_part(folder, part, kind, precision.get(part, dtype)).to(device) for part, kind in _NETWORKS.items()
    }
    count_exactly(networks["transformer"], networks["duration_embedder"])
    return StableAudioParts(
        manifest=manifest,
        text_encoder=load_text_encoder(folder, dtype).to(device),
        tokenizer=load_tokenizer(folder),
        scheduler=load_scheduler(folder),
        **networks,
    )


def count_exactly(transformer: StableAudio3DiTModel, embedder: StableAudio3DurationEmbedder) -> None:
    """Put the frequencies of positions and durations to what they are by definition, in float32.

    They are no weights, and yet are saved with them: a checkpoint in bfloat16 holds them rounded, by which a duration
    loses all but its first angles. And positions are counted in their dtype: bfloat16 counts no further than 256, which
    is 24 seconds of music.
    """
    rotary = StableAudio3RotaryEmbedding(2 * len(transformer.rotary_pos_emb.inv_freq))
    transformer.rotary_pos_emb = rotary.to(transformer.device)
    fresh = type(embedder).from_config(dict(embedder.config))
    embedder.register_buffer("freqs", fresh.freqs.to(embedder.device))


def check_parts(folder: Path, *, curve: bool) -> None:
    """ModelError unless the parts are of the right classes and fit one another, with or without the curve's input.

    Their configurations alone are read.
    """
    flow, vae, duration = (config_of(folder, part, kind) for part, kind in _NETWORKS.items())
    text = config_of_text_encoder(folder).get("encoder")

    def size(name: str, config: Any, field: str) -> int:
        found = config.get(field) if isinstance(config, dict) else None
        if not isinstance(found, int) or found < 1:
            raise ModelError(f"model folder {folder}: {name}/config.json: {field} is {found}, and no size")
        return found

    channels = size("vae", vae, "latent_dim")
    needed = {
        "io_channels": channels,
        "cond_token_dim": size("text_encoder", text, "hidden_size"),
        "global_cond_dim": size("duration_embedder", duration, "output_dim"),
        "patch_size": 1,
    }
    for field, value in needed.items():
        if (found := size("transformer", flow, field)) != value:
            fault = f"{field} is {found}; the other parts need {value}"
            raise ModelError(f"model folder {folder}: transformer/config.json: {fault}")
    if (sides := size("vae", vae, "audio_channels")) != 2:
        raise ModelError(f"model folder {folder}: vae/config.json: audio_channels is {sides}; it must be 2, stereo")
    plain, given = 1 + channels, size("transformer", flow, "local_add_cond_dim")
    if curve and given == plain:
        raise ModelError(f"model folder {folder}: transformer: takes no curve; make it take one by `v2m model init`")
    if not curve and given == plain + CURVE_CHANNELS + 1:
        raise ModelError(f"{folder}: transformer: takes a curve already; a base is Stable Audio 3 as published")
    if given != plain + (CURVE_CHANNELS + 1) * curve:
        raise ModelError(f"model folder {folder}: transformer/config.json: local_add_cond_dim is {given}, not {plain}")


def write_transformer(transformer: StableAudio3DiTModel, folder: Path) -> None:
    """The transformer's part of a folder, in the precision it has."""
    transformer.save_pretrained(folder / "transformer", max_shard_size=_SHARD)


def copy_parts(source: Path, folder: Path, parts: tuple[str, ...] = COPIED) -> None:
    """The JSON and safetensors files of some parts; what else lies there (other formats of the same) is left."""
    for part in parts:
        for path in sorted((source / part).rglob("*")):
            if path.suffix in (".json", ".safetensors") and ".fp16." not in path.name and path.is_file():
                target = folder / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def write_audio_manifest(folder: Path, fields: Mapping[str, Any]) -> AudioManifest:
    """v2m.json with the digests of all that is in the folder; ModelError for a field that cannot be."""
    manifest = AudioManifest.model_validate({**fields, "format": FORMAT, "sha256": compute_digests(folder)})
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest
