"""The stages of `v2m train`, in their order: corpus, codec, planner, flow, curve, export. docs/training.md tells more.

Each reads what those before it left in the work folder, WORK/codec say, and leaves its own result there.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import StableAudio3DiTModel

from model_core.encoders.minilm import MiniLM
from model_core.errors import InputError
from model_core.flow.sampler import euler_scheduler
from model_core.models.folder.manifest import compute_digests
from model_core.models.score.codec.vae import BeatVAE
from model_core.models.score.folder import ScoreParts, load_score_parts, save_score_parts
from model_core.models.score.planner.network import PromptPlanner
from model_core.plan.vocabulary import VOCABULARY
from model_core.training.checkpoints import read_progress, write_network
from model_core.training.dataset import FlowData, flow_data
from model_core.training.loop import Journal, Limit, Run, forget
from model_core.training.shards import PIECES, RENDERED, described, header_of, parts_of, shards, write_part
from model_core.training.train_codec import train_codec
from model_core.training.train_flow import FlowSettings, new_model, train_flow, with_curve, with_vocabulary
from model_core.training.train_planner import PlannerData, train_planner

CODEC_SHARDS: Final = 28
"""Shards whose beats the codec learns from, some 3,600 pieces: more would not fit into 4 GB, and teach it nothing."""
_HELD_OUT: Final = 25  # one piece in so many is kept for the log


@dataclass(frozen=True)
class Given:
    """What every stage is told.

    Attributes:
        work: folder of everything between the stages.
        seed: of everything random.
        fresh: begin from nothing where there is a checkpoint or a corpus.
        say: prints a line.
        limit: how long a stage trains.
        save_every_s: seconds between checkpoints.
    """

    work: Path
    seed: int
    fresh: bool
    say: Callable[[str], None]
    limit: Limit
    save_every_s: float

    @property
    def corpus(self) -> Path:
        return self.work / "corpus"

    def run(self, stage: str, **made_of: Any) -> Run:
        """How a stage of that name runs, which works on and with ``made_of``; removes the old state of a fresh one."""
        checkpoint = self.work / "checkpoints" / f"{stage}.pt"
        if self.fresh:
            checkpoint.unlink(missing_ok=True)
            shutil.rmtree(self.work / stage, ignore_errors=True)  # an old result must not pass for the new one
            forget(self.work / "logs", stage)
        made_of = {"seed": self.seed, **made_of}
        return Run(stage, self.limit, self.seed, checkpoint, made_of, self.save_every_s, self.work / "logs", self.say)

    def result(self, stage: str) -> Path:
        """The folder that an earlier stage left; InputError when there is none."""
        folder = self.work / stage
        if not folder.is_dir():
            raise InputError("--work", f"there is no {folder}; run `v2m train {stage}` first", "no_result")
        return folder


def corpus(given: Given, pieces: int, rendered: int, processes: int) -> None:
    """Compose, caption, embed and render; shards that are there already are kept."""
    if given.fresh:
        shutil.rmtree(given.corpus, ignore_errors=True)
        forget(given.work / "logs", "corpus")
    with Journal(given.work / "logs", "corpus", given.say) as journal:
        encoder = MiniLM()
        for part in parts_of(given.seed, pieces, rendered):
            write_part(given.corpus, part, encoder, journal.line, processes)
        journal.line(f"done: {pieces} pieces and {rendered} rendered ones in {given.corpus}")


def codec(given: Given, start: Path | None) -> None:
    """Train the beat VAE, from the one of a model folder if ``start`` is given."""
    part = _either(given, PIECES, RENDERED)
    old = None if start is None else load_score_parts(start)
    run = given.run("codec", corpus=described(given.corpus, part), start=source_of(start, old))
    if is_done(run, given.work / "codec"):
        return
    beats = np.concatenate([shard.beats for shard in islice(shards(given.corpus, part), CODEC_SHARDS)])
    held = len(beats) // _HELD_OUT
    vae = train_codec(beats[held:], beats[:held], start=None if old is None else old.vae, run=run)
    write_network(vae, given.work / "codec")


def planner(given: Given) -> None:
    """Fit the prompt planner."""
    parts = [part for part in (RENDERED, PIECES) if any((given.corpus / part).glob("*.npz"))]
    run = given.run("planner", corpus=[described(given.corpus, part) for part in parts or [PIECES]])
    if is_done(run, given.work / "planner"):
        return
    headers, pooled = [], []
    for shard in (shard for part in parts for shard in shards(given.corpus, part)):
        headers += [header_of(text) for text in shard.headers]
        pooled.append(shard.pooled)
    data = PlannerData(headers, np.concatenate(pooled), MiniLM().embed([""]).pooled[0].numpy())
    held = max(1, len(headers) // _HELD_OUT)
    write_network(train_planner(data.part(slice(held, None)), data.part(slice(held)), run), given.work / "planner")


def flow(given: Given, width: int, depth: int, tokens: int) -> None:
    """Train the flow on whole pieces with captions, without curves."""
    codec_folder = given.result("codec")
    made_of = {"codec": mark_of(codec_folder), "width": width, "depth": depth, "tokens": tokens}
    run = given.run("flow", corpus=described(given.corpus, PIECES), **made_of)
    if is_done(run, given.work / "flow"):
        return
    data, held_out = _flow_data(given, PIECES)
    torch.manual_seed(given.seed)
    model = new_model(data.latents.shape[2], width, depth)
    write_network(train_flow(model, data, held_out, FlowSettings(tokens=tokens), run), given.work / "flow")


def curve(given: Given, start: Path | None, tokens: int) -> None:
    """Teach the flow, or that of a model folder if ``start`` is given, to follow the event curve."""
    codec_folder = given.result("codec")
    old = None if start is None else load_score_parts(start)
    source = f"flow {mark_of(given.result('flow'))}" if old is None else source_of(start, old)
    made_of = {"codec": mark_of(codec_folder), "start": source, "tokens": tokens}
    run = given.run("curve", corpus=described(given.corpus, RENDERED), **made_of)
    if is_done(run, given.work / "curve"):
        return
    data, held_out = _flow_data(given, RENDERED)
    if old is None:
        model = with_curve(StableAudio3DiTModel.from_pretrained(given.result("flow")))
        settings = FlowSettings(matrix_lr=6e-4, other_lr=6e-4, tokens=tokens)
    else:
        model = with_vocabulary(old.flow, old.planner.vocabulary, VOCABULARY)
        settings = FlowSettings(matrix_lr=1.2e-3, other_lr=8e-4, tokens=tokens)
    write_network(train_flow(model, data, held_out, settings, run), given.work / "curve")


def export(given: Given, out: Path, name: str, version: str, licence: str) -> None:
    """Write the model folder and load it again, which checks it."""
    model = ScoreParts(
        name=name,
        version=version,
        flow=StableAudio3DiTModel.from_pretrained(given.result("curve")),
        vae=BeatVAE.from_pretrained(given.result("codec")),
        planner=PromptPlanner.from_pretrained(given.result("planner")),
        scheduler=euler_scheduler(),
        licence=licence,
    )
    save_score_parts(model, out)
    given.say(f"export: wrote {load_score_parts(out).title} to {out}")


def _either(given: Given, first: str, second: str) -> str:
    return first if any((given.corpus / first).glob("*.npz")) else second


def _flow_data(given: Given, part: str) -> tuple[FlowData, FlowData]:
    vae = BeatVAE.from_pretrained(given.result("codec")).eval()
    data = flow_data(shards(given.corpus, part), vae)
    held = max(1, len(data.seeds) // _HELD_OUT)
    return data.part(slice(held, None)), data.part(slice(held))


def mark_of(folder: Path) -> str:
    """Twelve digits that tell the weights in one folder from others."""
    weights = sorted(digest for name, digest in compute_digests(folder).items() if name.endswith(".safetensors"))
    return hashlib.sha256("".join(weights).encode()).hexdigest()[:12]


def source_of(folder: Path | None, model: ScoreParts | None) -> str | None:
    """The model that is gone on from, told by its name and its weights."""
    return None if folder is None or model is None else f"{model.title} {mark_of(folder)}"


def is_done(run: Run, result: Path) -> bool:
    """Whether the stage has reached its limit and left its result; told here, for it takes long to find out later."""
    if run.checkpoint is None or not run.checkpoint.exists() or not result.is_dir():
        return False
    progress = read_progress(run.checkpoint, run.made_of)
    done = run.limit.share(progress.step, progress.seconds) >= 1
    if done:
        run.say(f"{run.stage}: is done ({result}); --fresh begins again")
    return done
