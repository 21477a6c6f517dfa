"""`v2m train curve --model`: fine-tuning of an audio model on a folder of music, in one process or several."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import broadcast_object_list, gather_object
from diffusers import StableAudio3DiTModel
from safetensors import SafetensorError

from model_core.encoders.registry import MusicEncoder, music_encoder
from model_core.errors import DeviceMemoryError, InputError, ModelError
from model_core.models.folder.manifest import MANIFEST, read_json
from model_core.models.folder.parts import load_part
from model_core.models.stable_audio import AudioManifest
from model_core.models.stable_audio.folder import (
    MUSIC_WEIGHTS,
    StableAudioParts,
    encoder_weights,
    load_stable_audio_parts,
)
from model_core.runtime import Runtime
from model_core.training.audio.cache import Music, digest, load_music
from model_core.training.audio.examples import Reader
from model_core.training.audio.report import Report, read_report
from model_core.training.audio.train import FineTuneSettings, FineTuning
from model_core.training.audio.validation import TAKES, FollowingCheck, Validation, spread_crops
from model_core.training.audio.weights import (
    check_out,
    check_rank,
    choose_trained,
    compute_version,
    save_trained,
    write_result,
)
from model_core.training.checkpoints import read_progress
from model_core.training.loop import Journal, Run, carry_out
from model_core.training.stages import StageContext

T = TypeVar("T")

_LONGEST_WAIT: Final = timedelta(days=2)  # of the other processes for the one that validates, listens and writes
_NUMBER: Final = "WORLD_SIZE"  # where launchers tell how many there are


def join_processes(dtype: torch.dtype) -> Accelerator:
    """The processes that a launcher started, or this one alone; on GPUs, or on CPUs where torch sees no GPU.

    Raises:
        InputError: not all that were started are found; they would train against each other.
    """
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="bf16" if dtype is torch.bfloat16 else "no",
        kwargs_handlers=[
            InitProcessGroupKwargs(timeout=_LONGEST_WAIT),
            DistributedDataParallelKwargs(gradient_as_bucket_view=True),
        ],
    )
    started = os.environ.get(_NUMBER)
    if started and started != str(accelerator.num_processes):
        detail = f"is {started}, but {accelerator.num_processes} of them train together"
        raise InputError(_NUMBER, detail, "processes")
    return accelerator


def from_main_process(value: T) -> T:
    """The main process's value, in all of them."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def check_same_step(step: int) -> None:
    """InputError, in all processes, unless all of them go on from the same step."""
    if len(set(gather_object([step]))) > 1:
        raise InputError("--work", "the processes do not see the same folder", "processes")


def any_stops(accelerator: Accelerator, stop: bool) -> bool:
    """True in all processes when any of them has to stop."""
    if accelerator.num_processes == 1:
        return stop
    wishes = accelerator.reduce(torch.tensor(float(stop), device=accelerator.device), "sum")
    return bool(wishes.item() > 0)


STAGE: Final = "audio-curve"
_ITEMS: Final = 32  # crops at most that the held-out loss is measured on


def finetune(context: StageContext, model: Path, data: Path, out: Path, settings: FineTuneSettings) -> None:
    """Fine-tune a model folder on a folder of music, and write the result as another one.

    Several processes, started by ``torchrun`` or ``accelerate launch``, do it together.

    Raises:
        InputError, ModelError, DeviceMemoryError: one line with the reason; an older result at ``out`` is kept.
        StoppedError: a signal came; the same call resumes later.
    """
    check_out(out, model)
    if not (model / MANIFEST).exists() and (model / "model_index.json").exists():
        raise ModelError(f"{model} is a base that takes no curve yet; make a model folder of it by `v2m model init`")
    dtype = Runtime(precision=settings.precision).torch_dtype()
    accelerator = join_processes(dtype)
    if accelerator.num_processes > 1 and context.limit.seconds is not None:
        raise InputError("--minutes", "several processes would come to different ends; use --steps", "processes")
    if not accelerator.is_main_process:
        context = replace(context, say=lambda line: None)
    try:
        _FineTune(context, model, data, out, settings, accelerator, dtype).carry_out()
    except SafetensorError as error:
        raise InputError("--work", f"the music cache was changed under the training: {error}", "damaged") from error
    accelerator.end_training()


class _FineTune:
    def __init__(
        self,
        context: StageContext,
        folder: Path,
        data: Path,
        out: Path,
        settings: FineTuneSettings,
        accelerator: Accelerator,
        dtype: torch.dtype,
    ) -> None:
        self._context, self._folder, self._data, self._out = context, folder, data, out
        self._settings, self._accelerator, self._dtype = settings, accelerator, dtype
        self._device, self._leads = accelerator.device, accelerator.is_main_process
        self._encoder: MusicEncoder | None = None  # of the process that listens, if one does

    def carry_out(self) -> None:
        context, cache = self._context, self._context.work / "music"
        with _within_memory(self._device, "the model and its encoders; a GPU with more is needed"):
            model = load_stable_audio_parts(self._folder, self._device, self._dtype, self._check)
            check_rank(model.transformer, self._settings.lora)
            weights = encoder_weights(self._folder, MUSIC_WEIGHTS, model.manifest.encoders.music)
            encoder = music_encoder(model.manifest.encoders.music, weights, str(self._device))
            music = load_music(self._data, cache, model, encoder, self._accelerator, context.seed, context.say)
            self._encoder = encoder if self._leads and self._settings.listen_every else None
            del encoder  # with the memory it takes
        run = self._run(model.manifest, music)
        if from_main_process(self._is_done(run)):
            run.say(f"{STAGE}: is done ({self._out}); --fresh begins again")
            return
        if model.is_distilled:
            context.say(
                f"{STAGE}: {model.info.title} is distilled, and will lose some of that; better train a base checkpoint"
            )
        held = f"{self._settings.batch} crops of {self._settings.seconds:g} s"
        advice = "a smaller --batch (--accumulate makes up for it), fewer --seconds or --checkpointing need less"
        with _within_memory(self._device, f"{held}; {advice}"):
            model = replace(model, transformer=self._transformer(model))
            self._train(model, music, run)
        self._accelerator.wait_for_everyone()

    def _train(self, model: StableAudioParts, music: Music, run: Run) -> None:
        context = self._context
        reader = Reader(model, music.unprompted, self._device)
        trained = choose_trained(model.transformer, self._settings.lora, self._dtype)
        frames, held_out = reader.to_frames(self._settings.seconds), reader.pool(music.held_out)
        listening = None
        if self._encoder is None:
            _put_aside(model)
        else:
            first = spread_crops(held_out, frames, len(music.held_out), context.seed)
            longest = max(crop.frames for crop in first)
            chosen = [crop for crop in first if crop.frames == longest][:TAKES]
            listening = FollowingCheck(model, self._encoder, chosen, reader)
        crops = spread_crops(held_out, frames, _ITEMS, context.seed)
        validation = Validation(crops, reader, self._settings.batch)
        training = FineTuning(
            model.transformer,
            trained,
            reader.pool(music.train),
            reader,
            self._settings,
            context.seed,
            self._accelerator,
            validation,
            listening,
        )
        numbers = sum(weight.numel() for weight in trained.values())
        context.say(f"{STAGE}: {len(music.train)} tracks, {len(music.held_out)} held out; {numbers:,} weights to train")
        carry_out(training, run)
        if self._leads:
            self._finish(training, run, model.manifest)

    def _check(self, manifest: AudioManifest) -> None:
        longest, seconds = manifest.windows.longest_s, self._settings.seconds
        if seconds > longest:
            raise InputError("--seconds", f"{seconds:g} is more than {longest:g}, the model's longest", "too_long")

    def _run(self, manifest: AudioManifest, music: Music) -> Run:
        settings = self._settings
        made_of = {
            "model": digest(manifest.sha256),
            "music": music.mark,
            "processes": self._accelerator.num_processes,
            "precision": str(self._dtype).removeprefix("torch."),
            "learning-rate": settings.rate,
            **{name: getattr(settings, name) for name in ("seconds", "lora", "batch", "accumulate")},
        }
        context = self._context if self._leads else replace(self._context, fresh=False)
        run = context.prepare_run(STAGE, **made_of)
        self._accelerator.wait_for_everyone()  # what is not to be gone on from is gone now
        return replace(
            run,
            keeps=self._leads,
            logs=run.logs if self._leads else None,
            agreed=partial(any_stops, self._accelerator),
            begins=check_same_step,
        )

    def _is_done(self, run: Run) -> bool:
        told = read_report(self._report)
        if told is None or run.checkpoint is None or not run.checkpoint.exists() or not (self._out / MANIFEST).exists():
            return False
        progress = read_progress(run.checkpoint, run.made_of)
        there = (read_json(self._out, MANIFEST).get("version"), progress.step)
        return there == told and run.limit.share(progress.step, progress.seconds) >= 1

    def _transformer(self, model: StableAudioParts) -> StableAudio3DiTModel:
        """In float32, ready to be trained."""
        torch.manual_seed(self._context.seed)  # of the adapters' first values
        kept: StableAudio3DiTModel = load_part(self._folder, "transformer", StableAudio3DiTModel, torch.float32)
        kept.rotary_pos_emb = model.transformer.rotary_pos_emb  # positions are counted as they will be when it plays
        if self._settings.checkpointing:
            kept.enable_gradient_checkpointing()
        return kept.to(self._device)

    def _finish(self, training: FineTuning, run: Run, manifest: AudioManifest) -> None:
        assert run.checkpoint is not None
        steps = read_progress(run.checkpoint, run.made_of).step
        trained: Mapping[str, torch.Tensor] = training.averaged()
        version = compute_version(manifest, steps, trained)
        report = Report.of(version, steps, *training.final())
        with Journal(run.logs, STAGE, run.say) as journal:
            for line in report.lines():
                journal.line(line)
        if self._settings.lora:
            save_trained(self._context.work / STAGE / "trained.safetensors", self._settings.lora, trained, version)
        try:
            rank = self._settings.lora
            write_result(self._folder, manifest, self._out, rank, trained, version, report.follows)
        except OSError as error:
            raise InputError(
                "--out", f"{error.strerror or error}: {error.filename or self._out}", "unwritable"
            ) from error
        report.write(self._report)
        run.say(f"{STAGE}: wrote {manifest.name} {version} to {self._out}{_verdict(report, manifest)}")

    @property
    def _report(self) -> Path:
        return self._context.work / STAGE / "result.json"


def _verdict(report: Report, before: AudioManifest) -> str:
    if report.follows:
        return ""
    if before.curve.trained:
        return "; held-out music does not show that it follows the curve, as the model it began with is said to"
    return "; the model does not follow the curve yet; its scores will leave it out"


@contextmanager
def _within_memory(device: torch.device, what: str) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceMemoryError(f"{device}: its memory does not hold {what}") from error


def _put_aside(model: StableAudioParts) -> None:
    """Take what only listening needs off the device: the training has better use for the memory."""
    for part in (model.vae, model.text_encoder):
        torch.nn.Module.to(part, "cpu")
