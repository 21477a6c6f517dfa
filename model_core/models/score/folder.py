"""Folder of a score model in diffusers' layout: transformer/, scheduler/, codec/, planner/ and the manifest v2m.json.

All files are safetensors and JSON; no code in a folder is run.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from diffusers import FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel

from model_core.assets import asset
from model_core.curves.event_curve import PULSE_SIGMA_S
from model_core.curves.video import FRAME_RATE, WINDOW_S
from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.encoders.minilm import TEXT_DIM, MiniLM
from model_core.encoders.musicnn import Musicnn
from model_core.errors import ModelError
from model_core.models.folder.manifest import (
    FORMAT,
    MANIFEST,
    Encoders,
    compute_digests,
    read_manifest_as,
    replace_folder,
)
from model_core.models.folder.parts import load_part, load_scheduler, save_part
from model_core.models.score import KIND, Curve, Grid, ScoreManifest
from model_core.models.score.codec.grid import BEATS_PER_FRAME, CURVE_CHANNELS, GRID_CHANNELS
from model_core.models.score.codec.score import STEPS_PER_BEAT
from model_core.models.score.codec.vae import BeatVAE
from model_core.models.score.planner.network import PromptPlanner
from model_core.options import ModelInfo

DEFAULT_MODEL: Final = "models/v2m-embedded-1"
GRID: Final = Grid(beats_per_frame=BEATS_PER_FRAME, steps_per_beat=STEPS_PER_BEAT)
CURVE: Final = Curve(pulse_sigma_s=PULSE_SIGMA_S, hann_window_s=WINDOW_S, frame_rate=FRAME_RATE)
ENCODERS: Final = Encoders(text=MiniLM.name, picture=EfficientNetLite0.name, music=Musicnn.name)


@dataclass(frozen=True)
class ScoreParts:
    """Parts of the embedded model, in float32 and evaluation mode, with name, version and license for reports."""

    name: str
    version: str
    flow: StableAudio3DiTModel
    vae: BeatVAE
    planner: PromptPlanner
    scheduler: FlowMatchEulerDiscreteScheduler
    licence: str = "MIT"

    @property
    def info(self) -> ModelInfo:
        """Description of the model."""
        return ModelInfo(name=self.name, version=self.version, kind=KIND, licence=self.licence)

    @property
    def title(self) -> str:
        """Name and version."""
        return self.info.title


def load_score_parts(folder: Path | None = None) -> ScoreParts:
    """Load and check a model folder; the shipped one by default.

    Raises:
        ModelError: the folder is missing or damaged, has unknown files, or needs another version of this code; the
            message names the file and the field.
    """
    folder = asset(DEFAULT_MODEL) if folder is None else folder
    manifest = read_manifest_as(folder, ScoreManifest)
    _check_conventions(folder, manifest)
    model = ScoreParts(
        name=manifest.name,
        version=manifest.version,
        flow=load_part(folder, "transformer", StableAudio3DiTModel),
        vae=load_part(folder, "codec", BeatVAE),
        planner=load_part(folder, "planner", PromptPlanner),
        scheduler=load_scheduler(folder),
        licence=manifest.licence,
    )
    _check_sizes(folder, model)
    return model


def save_score_parts(model: ScoreParts, folder: Path) -> None:
    """Write a model folder in half precision. It appears when it is complete, and replaces an older one.

    Raises:
        ModelError: ``folder`` exists and is not a model folder.
    """
    with replace_folder(folder) as partial:
        for part, network in (("transformer", model.flow), ("codec", model.vae), ("planner", model.planner)):
            save_part(network, partial / part)
        model.scheduler.save_pretrained(partial / "scheduler")
        manifest = ScoreManifest(
            format=FORMAT,
            kind=KIND,
            name=model.name,
            version=model.version,
            licence=model.licence,
            grid=GRID,
            curve=CURVE,
            encoders=ENCODERS,
            sha256=compute_digests(partial),
        )
        (partial / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")


def _check_conventions(folder: Path, manifest: ScoreManifest) -> None:
    for section, expected in (("grid", GRID), ("curve", CURVE), ("encoders", ENCODERS)):
        given = getattr(manifest, section)
        for field, value in expected:
            found = getattr(given, field)
            if found != value:
                fault = f"{section}.{field} is {found}; this version of the code needs {value}"
                raise ModelError(f"model folder {folder}: {MANIFEST}: {fault}")


def _check_sizes(folder: Path, model: ScoreParts) -> None:
    """Check that the inputs of the flow fit codec, planner and text encoder."""
    channels = model.vae.config["latent_channels"] * BEATS_PER_FRAME
    needed: dict[str, Any] = {
        "io_channels": channels,
        "local_add_cond_dim": 1 + channels + GRID_CHANNELS + CURVE_CHANNELS + 1,
        "global_cond_dim": model.planner.vocabulary.dimension + TEXT_DIM + 1,
        "cond_token_dim": TEXT_DIM,
        "patch_size": 1,
    }
    for field, value in needed.items():
        if model.flow.config[field] != value:
            fault = f"{field} is {model.flow.config[field]}; codec, planner and encoders need {value}"
            raise ModelError(f"model folder {folder}: transformer/config.json: {fault}")
