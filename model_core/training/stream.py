"""The stage `v2m train stream`: a model's flow trained further, for hours or days, on pieces that do not repeat.

Pieces are composed while the training goes on, and each is used for some steps, then dropped. The pieces of a step
follow from its number alone, so that a training that was killed continues with the same ones. See docs/training.md,
"Run in the background".
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from model_core.assets import asset
from model_core.encoders.minilm import MiniLM
from model_core.errors import InputError
from model_core.models.score.codec.vae import BeatVAE
from model_core.models.score.folder import DEFAULT_MODEL, load_score_parts, save_score_parts
from model_core.plan.plan import VOCABULARY
from model_core.training.checkpoints import read_module
from model_core.training.corpus import build_example, compose_piece, draw_length, draw_step_curve
from model_core.training.dataset import Dropout, FlowData, encode_corpus
from model_core.training.loop import Limit
from model_core.training.shards import SEEDS_APART, Part, build_shard, shards, write_part
from model_core.training.stages import StageContext, describe_source, is_done
from model_core.training.train_flow import FlowSettings, Probe, build_probe, convert_vocabulary, train_flow_on

STAGE: Final = "stream"
PROGRESS: Final = ".training.json"
"""File in an exported model folder that says how far its training was."""
_FIRST_STREAMED: Final = 400_000
_FIRST_HELD_OUT: Final = 990_000
_HELD_OUT: Final = "held_out"
_MOST_HELD_OUT: Final = 96
# Captions are withheld more often than elsewhere: sampling leans on the header, which says the same in fewer words.
_DROPOUT: Final = Dropout(text=0.3, curve=0.2, header=0.1)
NEW_PER_STEP: Final = 4
"""New pieces in the pool of each step, on average: composing them takes a tenth of a step."""
_CHUNKS: Final = 8  # that the pool consists of; the oldest is replaced by a new one


def run_stream(context: StageContext, start: Path | None, pieces: int, tokens: int) -> None:
    """Train the flow of a model folder, the shipped one by default; export_stream writes the result.

    A folder that was exported from such a run, of the same seed, continues at its step.
    """
    start = start or asset(DEFAULT_MODEL)
    model = load_score_parts(start)
    run = context.prepare_run(STAGE, start=describe_source(start, model), pieces=pieces, tokens=tokens)
    if is_done(run, context.work):
        return
    encoder = MiniLM()
    first = context.seed * SEEDS_APART
    seeds = range(first + _FIRST_STREAMED, first + _FIRST_HELD_OUT)
    source = PieceStream(seeds, pieces, model.vae, encoder)
    most = source.last_step + 1
    if (run.limit.steps or 0) > most:
        raise InputError("--steps", f"at most {most}: the pieces of a seed last no longer", "steps")
    run = replace(
        run, limit=Limit(run.limit.steps or most, run.limit.seconds), first_step=_read_step(start, context.seed)
    )
    held_out = range(first + _FIRST_HELD_OUT, first + SEEDS_APART)[: min(_MOST_HELD_OUT, pieces // 10)]
    write_part(context.corpus, Part(_HELD_OUT, held_out, rendered=True), encoder, context.say, processes=1)
    probes = build_probes(encode_corpus(shards(context.corpus, _HELD_OUT), model.vae))
    flow = convert_vocabulary(model.flow, model.planner.vocabulary, VOCABULARY).train().requires_grad_(True)
    settings = FlowSettings(matrix_lr=1.2e-3, other_lr=8e-4, tokens=tokens, dropout=_DROPOUT, log_every=100)
    train_flow_on(flow, source.at, probes, settings, run)


def export_stream(context: StageContext, start: Path | None, out: Path, name: str, version: str) -> None:
    """Write the moving average of a run, which may be under way, as a model folder that `stream` can start from.

    Args:
        context: identifies the run.
        start: the folder that the run started from; it gives codec and planner.
        out: the folder to write.
        name, version: of the model.
    """
    start = start or asset(DEFAULT_MODEL)
    model = load_score_parts(start)
    path = context.work / "checkpoints" / f"{STAGE}.pt"
    if not path.is_file():
        raise InputError("--work", f"there is no {path}; run `v2m train {STAGE}` first", "no_result")
    made_of, progress, weights = read_module(path, "average")
    if made_of["start"] != describe_source(start, model):
        raise InputError(
            "--start", f"{path} started from {made_of['start']}, not {describe_source(start, model)}", "other_run"
        )
    flow = convert_vocabulary(model.flow, model.planner.vocabulary, VOCABULARY)
    flow.load_state_dict(weights)
    save_score_parts(replace(model, flow=flow, name=name, version=version), out)
    (out / PROGRESS).write_text(json.dumps({"seed": made_of["seed"], "step": progress.step}) + "\n")
    context.say(f"export: wrote {load_score_parts(out).title} to {out}, at step {progress.step}")


def build_probes(held_out: FlowData) -> dict[str, Probe]:
    """Build the batches of the held-out losses, on the same windows of pieces with rendered ``curves``.

    With the caption and the composer's events as the curve; with the rendered curve, without a curve; and with nothing
    but tempo and instruments of the header.
    """
    pieces = [
        compose_piece(int(seed), int(beats)) for seed, beats in zip(held_out.seeds, held_out.lengths, strict=True)
    ]
    composed = replace(held_out, curves=np.stack([draw_step_curve(piece) for piece in pieces]))
    return {
        "held out": build_probe(composed),
        "held out, rendered": build_probe(held_out),
        "held out, no curve": build_probe(held_out, Dropout(0, 1, 0)),
        "held out, no style": build_probe(held_out, Dropout(1, 1, 1)),
    }


def _read_step(start: Path, seed: int) -> int:
    """Number of steps of this run that the folder has had already."""
    path = start / PROGRESS
    if not path.is_file():
        return 0
    try:
        saved = json.loads(path.read_text())
        return int(saved["step"]) if int(saved["seed"]) == seed else 0
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            "--start", f"{path} cannot be read ({error}); delete it to begin at step 0", "damaged"
        ) from error


class PieceStream:
    """Pools of ``pieces`` composed pieces of many lengths, with curves drawn from the composer's events."""

    def __init__(self, seeds: range, pieces: int, vae: BeatVAE, encoder: MiniLM) -> None:
        """
        Args:
            seeds: of the pieces, used in this order.
            pieces: in the pool at a time, a multiple of 32; a thousand take 80 MB.
            vae: encodes their beats.
            encoder: embeds their captions.
        """
        self._seeds = seeds
        self._chunk = pieces // _CHUNKS
        self._steps_per_chunk = self._chunk // NEW_PER_STEP
        self._vae, self._encoder = vae, encoder
        self._chunks: dict[int, FlowData] = {}
        self._pool: FlowData | None = None

    @property
    def last_step(self) -> int:
        """Last step for which there are enough seeds."""
        return (len(self._seeds) // self._chunk - _CHUNKS + 1) * self._steps_per_chunk - 1

    def at(self, step: int) -> FlowData:
        """The pool of a step."""
        first = step // self._steps_per_chunk
        wanted = range(first, first + _CHUNKS)
        if self._pool is None or list(self._chunks) != list(wanted):
            self._chunks = {index: self._chunks.get(index) or self._compose(index) for index in wanted}
            self._pool = FlowData.join(list(self._chunks.values()))
        return self._pool

    def _compose(self, index: int) -> FlowData:
        seeds = self._seeds[self._chunk * index : self._chunk * (index + 1)]
        pieces = [compose_piece(seed, draw_length(seed, mixed=True)) for seed in seeds]
        curves = np.stack([draw_step_curve(piece) for piece in pieces])
        examples = [build_example(piece, seed) for piece, seed in zip(pieces, seeds, strict=True)]
        return encode_corpus([build_shard(examples, curves, self._encoder)], self._vae)
