"""The stream of pieces, its batches, and `v2m train stream`: killed, gone on with, and exported."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from cli.app import app
from model_core.curves.event_curve import LEAST_STRENGTH, PULSE_SCALE
from model_core.encoders.minilm import MiniLM
from model_core.models.score.codec.grid import without_style_and_mode
from model_core.models.score.codec.vae import BeatVAE
from model_core.models.score.folder import ScoreParts, load_score_parts, save_score_parts
from model_core.plan.plan import VOCABULARY
from model_core.training.composer import compose
from model_core.training.corpus import (
    BEATS,
    compose_example,
    compose_piece,
    draw_length,
    draw_step_curve,
    render_step_curve,
)
from model_core.training.dataset import Dropout, FlowData, batch
from model_core.training.stream import NEW_PER_STEP, PieceStream
from tests.processes import ROOT, until

SMALL = ("--pieces", "32", "--tokens", "64")
STEPS = 24


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def vae() -> BeatVAE:
    torch.manual_seed(0)
    untrained: BeatVAE = BeatVAE()
    return untrained


@pytest.fixture(scope="module")
def pool(vae: BeatVAE, encoder: MiniLM) -> FlowData:
    return PieceStream(range(500, 600), 32, vae, encoder).at(0)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a tiny flow and the shipped codec and planner."""
    from model_core.training.train_flow import add_curve_input, new_model

    shipped = load_score_parts()
    torch.manual_seed(0)
    flow = add_curve_input(new_model(64, 64, 1))
    folder = tmp_path_factory.mktemp("start") / "tiny"
    save_score_parts(ScoreParts("tiny", "1", flow, shipped.vae, shipped.planner, shipped.scheduler), folder)
    return folder


def _train(work: Path, start: Path, *arguments: str, steps: int = STEPS) -> Result:
    command = ["train", "stream", "--work", str(work), "--start", str(start), *SMALL, "--steps", str(steps)]
    return CliRunner().invoke(app, [*command, *arguments])


def _average(work: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(work / "checkpoints/stream.pt", weights_only=True)["modules"][
        "average"
    ]
    return weights


def _held_out(work: Path) -> list[float]:
    lines = (work / "logs" / "stream.log").read_text().splitlines()
    return [float(line.split("held out ")[1].split()[0]) for line in lines if line.startswith("step ")]


@pytest.fixture(scope="module")
def work(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which a run has ended."""
    folder = tmp_path_factory.mktemp("stream")
    done = _train(folder, start)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == f"stream: done after {STEPS} steps"
    return folder


def test_pieces_are_used_for_some_steps_and_never_again(vae: BeatVAE, encoder: MiniLM) -> None:
    stream = PieceStream(range(500, 600), 32, vae, encoder)
    pools = [stream.at(step).seeds.tolist() for step in range(12)]
    assert pools[0] == list(range(500, 532))
    assert all(later == [seed + NEW_PER_STEP for seed in earlier] for earlier, later in pairwise(pools))
    assert len(stream.at(stream.last_step).seeds) == 32
    with pytest.raises(ValueError, match="need at least one array"):
        stream.at(stream.last_step + 1)


def test_the_pool_of_a_step_does_not_depend_on_the_steps_before(vae: BeatVAE, encoder: MiniLM) -> None:
    walked = PieceStream(range(500, 600), 32, vae, encoder)
    for step in range(4):
        walked.at(step)
    jumped = PieceStream(range(500, 600), 32, vae, encoder)
    for field in ("seeds", "lengths", "latents", "headers", "tokens", "curves"):
        np.testing.assert_array_equal(getattr(walked.at(3), field), getattr(jumped.at(3), field))


def test_a_streamed_piece_is_the_corpus_piece_of_its_seed(pool: FlowData, vae: BeatVAE) -> None:
    example = compose_example(507, mixed=True)
    beats = len(example.beats)
    assert pool.lengths[7] == beats == draw_length(507, mixed=True)
    np.testing.assert_array_equal(pool.headers[7], example.header.vector())
    with torch.no_grad():
        latents = vae.encode(torch.from_numpy(example.beats.astype(np.float32)))
    torch.testing.assert_close(torch.from_numpy(pool.latents[7, :beats]), latents.half(), atol=2e-3, rtol=2e-3)
    np.testing.assert_array_equal(pool.curves[7], draw_step_curve(compose_piece(507, beats)))


def test_a_composed_curve_peaks_at_the_events_and_nowhere_else() -> None:
    piece = compose(11, "trailer", 96)
    events = [event for event in piece.events if event.beat > 0]
    curve = draw_step_curve(piece)
    assert len(events) > 4
    assert curve.shape == (4 * BEATS,)
    at = [round(4 * event.beat) for event in events]
    assert (curve[at] >= PULSE_SCALE * LEAST_STRENGTH - 1e-5).all()
    assert curve.max() == pytest.approx(PULSE_SCALE)
    far = [step for step in range(4 * 96) if min(abs(step - event) for event in at) > 8]
    assert len(far) > 50
    assert curve[far].max() < 0.01
    assert not curve[4 * 96 :].any()


def test_composed_and_rendered_curves_tell_the_same_events() -> None:
    agreements = []
    for seed in range(4):
        piece = compose_piece(seed, 96)
        agreements.append(np.corrcoef(draw_step_curve(piece), render_step_curve(seed, 96))[0, 1])
    assert np.mean(agreements) > 0.5


def test_the_null_header_hides_style_and_mode_alone() -> None:
    minor, major = compose_piece(0).header, compose_piece(1).header
    headers = torch.from_numpy(np.stack([minor.vector(), major.vector()]))
    null = without_style_and_mode(headers)
    torch.testing.assert_close(null[:, :18], torch.full((2, 18), 1 / 18))
    assert VOCABULARY.mode_column == 23
    assert headers[:, 23].abs().tolist() == [1, 1]
    assert null[:, 23].tolist() == [0, 0]
    others = [column for column in range(18, headers.shape[1]) if column != 23]
    torch.testing.assert_close(null[:, others], headers[:, others])


def test_headers_are_hidden_as_often_as_asked_with_caption_and_curve(pool: FlowData) -> None:
    rng = np.random.default_rng(0)
    _, condition, _ = batch(pool, 8 * 4000, rng, Dropout(text=0.1, curve=0.1, header=0.1), window=8)
    assert condition.curve is not None
    hidden = condition.global_vector[:, VOCABULARY.mode_column] == 0
    heard, curve = condition.global_vector[:, -1] > 0, condition.curve[:, -1, 0] > 0
    assert hidden.float().mean() == pytest.approx(0.1, abs=0.02)
    for given in (heard, curve):
        assert given[~hidden].float().mean() == pytest.approx(0.9, abs=0.03)
        assert given[hidden].float().mean() == pytest.approx(0.5, abs=0.1)
    _, condition, _ = batch(pool, 512, rng, Dropout(0, 0, 0), window=8)
    assert condition.global_vector[:, VOCABULARY.mode_column].all()


def test_the_stream_trains(work: Path, start: Path) -> None:
    before, after = _held_out(work)
    assert after < before
    whole = load_score_parts(start).flow.state_dict()
    assert any(not torch.equal(weight, whole[name]) for name, weight in _average(work).items())


def test_a_killed_run_goes_on_to_the_same_weights(work: Path, start: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli.main", "train", "stream", "--work", str(tmp_path), "--start", str(start)]
    command += [*SMALL, "--steps", str(STEPS), "--save-every", "0"]
    checkpoint = tmp_path / "checkpoints" / "stream.pt"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until(checkpoint.exists, "the first checkpoint")
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    reached = torch.load(checkpoint, weights_only=True)["progress"]["step"]
    assert 1 <= reached < STEPS
    done = _train(tmp_path, start)
    assert f"goes on at step {reached}" in done.output
    for name, weight in _average(work).items():
        assert torch.equal(weight, _average(tmp_path)[name]), name
    assert "is done" in _train(tmp_path, start).output


def test_an_export_is_a_model_that_training_can_start_from(work: Path, start: Path, tmp_path: Path) -> None:
    out = tmp_path / "taught"
    command = ["train", "export", "--stream", "--work", str(work), "--out", str(out), "--version", "1.1"]
    done = CliRunner().invoke(app, [*command, "--start", str(start)])
    assert done.exit_code == 0, done.output
    assert f"wrote taught 1.1 to {out}, at step {STEPS}" in done.output
    assert json.loads((out / ".training.json").read_text()) == {"seed": 0, "step": STEPS}
    for name, weight in load_score_parts(out).flow.state_dict().items():
        torch.testing.assert_close(weight, _average(work)[name].half().float())
    further = _train(tmp_path / "further", out, steps=STEPS + 4)
    assert further.exit_code == 0, further.output
    assert f"goes on at step {STEPS}" in further.output
    assert f"done after {STEPS + 4} steps" in further.output
    assert _held_out(tmp_path / "further")[0] < _held_out(work)[0]
    other = _train(tmp_path / "other", out, "--seed", "1", steps=1)
    assert "done after 1 steps" in other.output
    refused = CliRunner().invoke(app, command)
    assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
    assert "started from tiny 1" in refused.output


def test_what_cannot_be_is_refused_in_one_line(start: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (("--pieces", "40"), "--pieces: 40 is not a multiple of 32"),
        (("--steps", "1000000"), "--steps: at most"),
    ):
        refused = _train(tmp_path, start, *arguments)
        assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
        assert told in refused.output
    nothing = CliRunner().invoke(
        app, ["train", "export", "--stream", "--work", str(tmp_path), "--out", str(tmp_path / "o")]
    )
    assert "run `v2m train stream` first" in nothing.output
