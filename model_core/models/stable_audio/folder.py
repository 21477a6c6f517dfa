"""Folder of an audio model: the parts of a Stable Audio 3 pipeline, the curve's encoders, and v2m.json.

transformer/, scheduler/, vae/, text_encoder/, tokenizer/ and duration_embedder/ have diffusers' layout;
encoders/picture and encoders/music contain weights of encoders that this package does not ship.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    ModelMixin,
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
    load_part,
    load_scheduler,
    load_text_encoder,
    load_tokenizer,
    read_config,
    read_text_encoder_config,
)
from model_core.models.stable_audio import AudioManifest
from model_core.models.stable_audio.codecs import codec_entry
from model_core.options import ModelInfo

CURVE_CHANNELS: Final = 1
TEXT_ENCODER: Final = "t5gemma"
COPIED: Final = ("scheduler", "vae", "text_encoder", "tokenizer", "duration_embedder")
"""Parts that are copied from the base without change."""
PICTURE_WEIGHTS: Final = "encoders/picture"
MUSIC_WEIGHTS: Final = "encoders/music"
_NETWORKS: Final[dict[str, Any]] = {
    "transformer": StableAudio3DiTModel,
    "duration_embedder": StableAudio3DurationEmbedder,
}
_SHARD: Final = "4GB"


@dataclass(frozen=True)
class StableAudioParts:
    """Parts of an audio model, in evaluation mode on one device."""

    manifest: AudioManifest
    transformer: StableAudio3DiTModel
    vae: ModelMixin
    text_encoder: T5GemmaEncoderModel
    tokenizer: PreTrainedTokenizerBase
    duration_embedder: StableAudio3DurationEmbedder
    scheduler: FlowMatchEulerDiscreteScheduler

    @property
    def info(self) -> ModelInfo:
        """Description of the model."""
        fields = self.manifest.model_dump(include={"name", "version", "kind", "licence", "base"})
        return ModelInfo(**fields)

    @property
    def is_distilled(self) -> bool:
        """True for checkpoints made for a few steps with fresh noise, which need no guidance by the prompt."""
        return bool(self.scheduler.config["stochastic_sampling"])


def encoder_weights(folder: Path, place: str, name: str) -> Path | None:
    """Folder of an encoder's weights in a model folder; None where they are in the package or the encoder has none.

    Args:
        folder: the model folder.
        place: PICTURE_WEIGHTS or MUSIC_WEIGHTS.
        name: name of the encoder.

    Raises:
        ModelError: the weights are missing. They are not fetched from the hub, so that the same folder is always the
            same model.
    """
    if not has_weights(name):
        return None
    if not (folder / place).is_dir():
        raise ModelError(f"model folder {folder}: {place} is missing, the weights of {name}")
    return folder / place


def read_audio_manifest(folder: Path) -> AudioManifest:
    """Read the manifest, see read_manifest_as; ModelError also when a part of the model is missing."""
    manifest = read_manifest_as(folder, AudioManifest)
    for part in ("transformer", *COPIED):
        if not any(name.startswith(f"{part}/") for name in manifest.sha256):
            raise ModelError(f"model folder {folder}: {MANIFEST}: sha256: no file of {part} is named")
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
        folder: model folder.
        device, dtype: device and precision of the networks; see restore_exact_frequencies for exceptions.
        before: called after the files are checked and before anything is loaded.

    Raises:
        ModelError: the folder is missing or damaged, or the model has another architecture or no input for the curve;
            names file and field.
    """
    manifest = read_audio_manifest(folder)
    check_parts(folder, curve=True)
    before(manifest)

    # The frequencies of the duration go up to 10,000 turns; bfloat16 would lose their angles.
    precision = {"duration_embedder": torch.float32}
    classes = {**_NETWORKS, "vae": codec_entry(folder).network}
    networks = {
        part: load_part(folder, part, kind, precision.get(part, dtype)).to(device) for part, kind in classes.items()
    }
    restore_exact_frequencies(networks["transformer"], networks["duration_embedder"])
    return StableAudioParts(
        manifest=manifest,
        text_encoder=load_text_encoder(folder, dtype).to(device),
        tokenizer=load_tokenizer(folder),
        scheduler=load_scheduler(folder),
        **networks,
    )


def restore_exact_frequencies(transformer: StableAudio3DiTModel, embedder: StableAudio3DurationEmbedder) -> None:
    """Reset the frequencies of positions and durations to their definition, in float32.

    They are not weights, but are saved with them. A checkpoint in bfloat16 has them rounded, so that a duration loses
    all but its first angles. Positions are counted in their dtype, and bfloat16 counts only to 256, which is 24 seconds
    of music.
    """
    rotary = StableAudio3RotaryEmbedding(2 * len(transformer.rotary_pos_emb.inv_freq))
    transformer.rotary_pos_emb = rotary.to(transformer.device)
    fresh = type(embedder).from_config(dict(embedder.config))
    embedder.register_buffer("freqs", fresh.freqs.to(embedder.device))


def check_parts(folder: Path, *, curve: bool) -> None:
    """Raise ModelError unless the parts have the right classes and fit together, with or without the curve's input.

    Only configurations are read.
    """
    codec = codec_entry(folder)
    flow, duration = (read_config(folder, part, kind) for part, kind in _NETWORKS.items())
    vae = read_config(folder, "vae", codec.network)
    text = read_text_encoder_config(folder).get("encoder")

    def size(name: str, config: Any, field: str) -> int:
        found = config.get(field) if isinstance(config, dict) else None
        if not isinstance(found, int) or found < 1:
            raise ModelError(f"model folder {folder}: {name}/config.json: {field} is {found}, which is not a size")
        return found

    channels = size("vae", vae, codec.channels_field)
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
    if (sides := size("vae", vae, codec.sides_field)) != 2:
        raise ModelError(
            f"model folder {folder}: vae/config.json: {codec.sides_field} is {sides}; it must be 2, stereo"
        )
    plain, given = 1 + channels, size("transformer", flow, "local_add_cond_dim")
    if curve and given == plain:
        raise ModelError(
            f"model folder {folder}: transformer: has no input for the curve; add it with `v2m model init`"
        )
    if not curve and given == plain + CURVE_CHANNELS + 1:
        raise ModelError(
            f"{folder}: transformer: has an input for a curve already; a base is Stable Audio 3 as published"
        )
    if given != plain + (CURVE_CHANNELS + 1) * curve:
        raise ModelError(f"model folder {folder}: transformer/config.json: local_add_cond_dim is {given}, not {plain}")


def write_transformer(transformer: StableAudio3DiTModel, folder: Path) -> None:
    """Write the transformer into a folder, in its own precision."""
    transformer.save_pretrained(folder / "transformer", max_shard_size=_SHARD)


def copy_parts(source: Path, folder: Path, parts: tuple[str, ...] = COPIED) -> None:
    """Copy the JSON and safetensors files of some parts; other formats of the same weights are skipped."""
    for part in parts:
        for path in sorted((source / part).rglob("*")):
            if path.suffix in (".json", ".safetensors") and ".fp16." not in path.name and path.is_file():
                target = folder / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def write_audio_manifest(folder: Path, fields: Mapping[str, Any]) -> AudioManifest:
    """Write v2m.json with the digests of all files in the folder; pydantic.ValidationError for an invalid field."""
    manifest = AudioManifest.model_validate({**fields, "format": FORMAT, "sha256": compute_digests(folder)})
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest
