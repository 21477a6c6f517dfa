"""Stages of `v2m train`, in their order: corpus, codec, planner, flow, curve, export. See docs/training.md.

Each reads the results of earlier stages in the work folder, such as WORK/codec, and leaves its own result there.
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
from model_core.plan.plan import VOCABULARY
from model_core.training.checkpoints import read_progress, write_network
from model_core.training.dataset import FlowData, encode_corpus
from model_core.training.loop import Journal, Limit, Run, remove_logs
from model_core.training.shards import PIECES, RENDERED, describe_part, list_parts, parse_header, shards, write_part
from model_core.training.train_codec import train_codec
from model_core.training.train_flow import FlowSettings, add_curve_input, convert_vocabulary, new_model, train_flow
from model_core.training.train_planner import PlannerData, train_planner

CODEC_SHARDS: Final = 28
"""Shards whose beats train the codec, some 3,600 pieces: more would not fit into 4 GB, and have no effect."""
_HELD_OUT: Final = 25  # one piece in so many is kept for the log


@dataclass(frozen=True)
class StageContext:
    """Settings that all stages have in common.

    Attributes:
        work: folder of everything between the stages.
        seed: of everything random.
        fresh: start over, even if there is a checkpoint or a corpus.
        say: prints a line.
        limit: end of the stage's training.
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

    def prepare_run(self, stage: str, **made_of: Any) -> Run:
        """Prepare the run of a stage whose inputs ``made_of`` describes; removes the old state if the run is fresh."""
        checkpoint = self.work / "checkpoints" / f"{stage}.pt"
        if self.fresh:
            checkpoint.unlink(missing_ok=True)
            shutil.rmtree(self.work / stage, ignore_errors=True)  # an old result must not pass for the new one
            remove_logs(self.work / "logs", stage)
        made_of = {"seed": self.seed, **made_of}
        return Run(stage, self.limit, self.seed, checkpoint, made_of, self.save_every_s, self.work / "logs", self.say)

    def find_result(self, stage: str) -> Path:
        """Return the result folder of an earlier stage; InputError when there is none."""
        folder = self.work / stage
        if not folder.is_dir():
            raise InputError("--work", f"there is no {folder}; run `v2m train {stage}` first", "no_result")
        return folder


def run_corpus(context: StageContext, pieces: int, rendered: int, processes: int) -> None:
    """Compose, caption, embed and render; existing shards are kept."""
    if context.fresh:
        shutil.rmtree(context.corpus, ignore_errors=True)
        remove_logs(context.work / "logs", "corpus")
    with Journal(context.work / "logs", "corpus", context.say) as journal:
        encoder = MiniLM()
        for part in list_parts(context.seed, pieces, rendered):
            write_part(context.corpus, part, encoder, journal.line, processes)
        journal.line(f"done: {pieces} pieces and {rendered} rendered ones in {context.corpus}")


def run_codec(context: StageContext, start: Path | None) -> None:
    """Train the beat VAE, from that of a model folder if ``start`` is set."""
    part = _choose_part(context, PIECES, RENDERED)
    old = None if start is None else load_score_parts(start)
    run = context.prepare_run("codec", corpus=describe_part(context.corpus, part), start=describe_source(start, old))
    if is_done(run, context.work / "codec"):
        return
    beats = np.concatenate([shard.beats for shard in islice(shards(context.corpus, part), CODEC_SHARDS)])
    held = len(beats) // _HELD_OUT
    vae = train_codec(beats[held:], beats[:held], start=None if old is None else old.vae, run=run)
    write_network(vae, context.work / "codec")


def run_planner(context: StageContext) -> None:
    """Fit the prompt planner."""
    parts = [part for part in (RENDERED, PIECES) if any((context.corpus / part).glob("*.npz"))]
    run = context.prepare_run("planner", corpus=[describe_part(context.corpus, part) for part in parts or [PIECES]])
    if is_done(run, context.work / "planner"):
        return
    headers, pooled = [], []
    for shard in (shard for part in parts for shard in shards(context.corpus, part)):
        headers += [parse_header(text) for text in shard.headers]
        pooled.append(shard.pooled)
    data = PlannerData(headers, np.concatenate(pooled), MiniLM().embed([""]).pooled[0].numpy())
    held = max(1, len(headers) // _HELD_OUT)
    write_network(train_planner(data.part(slice(held, None)), data.part(slice(held)), run), context.work / "planner")


def run_flow(context: StageContext, width: int, depth: int, tokens: int) -> None:
    """Train the flow on whole pieces with captions, without curves."""
    codec_folder = context.find_result("codec")
    made_of = {"codec": hash_weights(codec_folder), "width": width, "depth": depth, "tokens": tokens}
    run = context.prepare_run("flow", corpus=describe_part(context.corpus, PIECES), **made_of)
    if is_done(run, context.work / "flow"):
        return
    data, held_out = _load_flow_data(context, PIECES)
    torch.manual_seed(context.seed)
    model = new_model(data.latents.shape[2], width, depth)
    write_network(train_flow(model, data, held_out, FlowSettings(tokens=tokens), run), context.work / "flow")


def run_curve(context: StageContext, start: Path | None, tokens: int) -> None:
    """Train the flow, or that of a model folder if ``start`` is set, to follow the event curve."""
    codec_folder = context.find_result("codec")
    old = None if start is None else load_score_parts(start)
    source = f"flow {hash_weights(context.find_result('flow'))}" if old is None else describe_source(start, old)
    made_of = {"codec": hash_weights(codec_folder), "start": source, "tokens": tokens}
    run = context.prepare_run("curve", corpus=describe_part(context.corpus, RENDERED), **made_of)
    if is_done(run, context.work / "curve"):
        return
    data, held_out = _load_flow_data(context, RENDERED)
    if old is None:
        model = add_curve_input(StableAudio3DiTModel.from_pretrained(context.find_result("flow")))
        settings = FlowSettings(matrix_lr=6e-4, other_lr=6e-4, tokens=tokens)
    else:
        model = convert_vocabulary(old.flow, old.planner.vocabulary, VOCABULARY)
        settings = FlowSettings(matrix_lr=1.2e-3, other_lr=8e-4, tokens=tokens)
    write_network(train_flow(model, data, held_out, settings, run), context.work / "curve")


def export_model(context: StageContext, out: Path, name: str, version: str, licence: str) -> None:
    """Write the model folder and load it again, which checks it."""
    model = ScoreParts(
        name=name,
        version=version,
        flow=StableAudio3DiTModel.from_pretrained(context.find_result("curve")),
        vae=BeatVAE.from_pretrained(context.find_result("codec")),
        planner=PromptPlanner.from_pretrained(context.find_result("planner")),
        scheduler=euler_scheduler(),
        licence=licence,
    )
    save_score_parts(model, out)
    context.say(f"export: wrote {load_score_parts(out).title} to {out}")


def _choose_part(context: StageContext, first: str, second: str) -> str:
    return first if any((context.corpus / first).glob("*.npz")) else second


def _load_flow_data(context: StageContext, part: str) -> tuple[FlowData, FlowData]:
    vae = BeatVAE.from_pretrained(context.find_result("codec")).eval()
    data = encode_corpus(shards(context.corpus, part), vae)
    held = max(1, len(data.seeds) // _HELD_OUT)
    return data.part(slice(held, None)), data.part(slice(held))


def hash_weights(folder: Path) -> str:
    """Twelve hexadecimal digits that identify the weights in a folder."""
    weights = sorted(digest for name, digest in compute_digests(folder).items() if name.endswith(".safetensors"))
    return hashlib.sha256("".join(weights).encode()).hexdigest()[:12]


def describe_source(folder: Path | None, model: ScoreParts | None) -> str | None:
    """Title and weights of the model that the training starts from; None without one."""
    return None if folder is None or model is None else f"{model.title} {hash_weights(folder)}"


def is_done(run: Run, result: Path) -> bool:
    """Return True, and say so, when the stage has reached its limit and left its result."""
    if run.checkpoint is None or not run.checkpoint.exists() or not result.is_dir():
        return False
    progress = read_progress(run.checkpoint, run.made_of)
    done = run.limit.share(progress.step, progress.seconds) >= 1
    if done:
        run.say(f"{run.stage}: is done ({result}); --fresh begins again")
    return done
