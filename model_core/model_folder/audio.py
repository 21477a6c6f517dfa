"""The audio model's folder: the parts of a Stable Audio 3 pipeline, the curve's encoders, and v2m.json.

transformer/, scheduler/, vae/, text_encoder/, tokenizer/ and duration_embedder/ are as diffusers lays them out;
encoders/picture and encoders/music hold the weights of encoders that this package does not ship.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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

from model_core.errors import ModelError
from model_core.model_folder.manifest import (
    FORMAT,
    MANIFEST,
    AudioManifest,
    digests_of,
    read_json,
    read_manifest,
)
from model_core.model_folder.parts import (
    config_of,
    config_of_text_encoder,
    load_part,
    load_scheduler,
    load_text_encoder,
    load_tokenizer,
)

CURVE_CHANNELS: Final = 1
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
class AudioModel:
    """The parts of an audio model, in evaluation mode on one device."""

    folder: Path
    manifest: AudioManifest
    transformer: StableAudio3DiTModel
    vae: AutoencoderSAME
    text_encoder: T5GemmaEncoderModel
    tokenizer: PreTrainedTokenizerBase
    duration_embedder: StableAudio3DurationEmbedder
    scheduler: FlowMatchEulerDiscreteScheduler

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.manifest.name} {self.manifest.version}"

    @property
    def distilled(self) -> bool:
        """Whether it was made for a few steps that draw fresh noise, and needs no guidance by the prompt."""
        return bool(self.scheduler.config["stochastic_sampling"])


def encoder_weights(folder: Path, place: str) -> Path | None:
    """Folder of PICTURE_WEIGHTS or MUSIC_WEIGHTS; None where the encoder's weights are the package's own."""
    return folder / place if (folder / place).is_dir() else None


def read_audio_manifest(folder: Path) -> AudioManifest:
    """See read_manifest; ModelError also when it is a score model's."""
    manifest = read_manifest(folder)
    if not isinstance(manifest, AudioManifest):
        raise ModelError(f"model folder {folder}: {MANIFEST}: kind is {manifest.kind}, not an audio model's")
    return manifest


def load_audio(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    before: Callable[[AudioManifest], None] = lambda manifest: None,
) -> AudioModel:
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
    count_exactly(networks["transformer"])
    return AudioModel(
        folder=folder,
        manifest=manifest,
        text_encoder=load_text_encoder(folder, dtype).to(device),
        tokenizer=load_tokenizer(folder),
        scheduler=load_scheduler(folder),
        **networks,
    )


def count_exactly(transformer: StableAudio3DiTModel) -> None:
    """Put the rotary frequencies back to float32 where loading has rounded them.

    Positions are counted in their dtype, and bfloat16 counts no further than 256, which is 24 seconds of music: after
    that neighbours share one.
    """
    if transformer.rotary_pos_emb.inv_freq.dtype != torch.float32:
        exact = StableAudio3RotaryEmbedding(2 * len(transformer.rotary_pos_emb.inv_freq))
        transformer.rotary_pos_emb = exact.to(transformer.device)


def check_parts(folder: Path, *, curve: bool) -> None:
    """ModelError unless the parts are of the right classes and fit one another, with or without the curve's input.

    Their configurations alone are read.
    """
    for part, kind in _NETWORKS.items():
        config_of(folder, part, kind)
    config_of_text_encoder(folder)
    flow, vae = read_json(folder, "transformer/config.json"), read_json(folder, "vae/config.json")
    duration, text = read_json(folder, "duration_embedder/config.json"), read_json(folder, "text_encoder/config.json")
    channels = vae.get("latent_dim")
    width = dict(text.get("encoder") or {}).get("hidden_size")
    needed = {"io_channels": channels, "cond_token_dim": width, "global_cond_dim": duration.get("output_dim")}
    for field, value in {**needed, "patch_size": 1}.items():
        if flow.get(field) != value:
            fault = f"{field} is {flow.get(field)}; the other parts need {value}"
            raise ModelError(f"model folder {folder}: transformer/config.json: {fault}")
    assert isinstance(channels, int)
    plain, given = 1 + channels, flow.get("local_add_cond_dim")
    if curve and given == plain:
        raise ModelError(f"model folder {folder}: transformer: takes no curve; make it take one by `v2m model init`")
    if not curve and given == plain + CURVE_CHANNELS + 1:
        raise ModelError(f"{folder}: transformer: takes a curve already; a base is Stable Audio 3 as published")
    if given != plain + (CURVE_CHANNELS + 1) * curve:
        raise ModelError(f"model folder {folder}: transformer/config.json: local_add_cond_dim is {given}, not {plain}")


def write_transformer(transformer: StableAudio3DiTModel, folder: Path) -> None:
    """The transformer's part of a folder, in the precision it has."""
    transformer.save_pretrained(folder / "transformer", max_shard_size=_SHARD)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to fill, which takes its place when the block ends well, and is gone when it does not.

    Raises:
        ModelError: there is something at ``out`` that is no model folder.
    """
    if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} is no model folder, and will not be replaced by one")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        for path in partial.rglob("*.safetensors"):
            path.chmod(0o644)  # written for their owner alone; a service may run as somebody else
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy_parts(source: Path, folder: Path, parts: tuple[str, ...] = COPIED) -> None:
    """The JSON and safetensors files of some parts; what else lies there (other formats of the same) is left."""
    for part in parts:
        for path in sorted((source / part).rglob("*")):
            if path.suffix in (".json", ".safetensors"):
                target = folder / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def write_audio_manifest(folder: Path, fields: Mapping[str, Any]) -> AudioManifest:
    """v2m.json with the digests of all that is in the folder; ModelError for a field that cannot be."""
    manifest = AudioManifest.model_validate({**fields, "format": FORMAT, "sha256": digests_of(folder)})
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest
