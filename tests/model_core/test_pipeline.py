"""The shipped model on the bundled clip: real decoding, real weights, real sound."""

import json
from pathlib import Path

import numpy as np
import pytest

from model_core.assets import asset
from model_core.curves.event_curve import EventCurve
from model_core.errors import CanceledError, InputError
from model_core.media import probe, read_audio, video_packets_digest
from model_core.models.score.codec.codec import SAMPLE_RATE
from model_core.models.score.model import ScoreNotation
from model_core.options import PROMPT_MAX_CHARS, STAGES, ScoreOptions
from model_core.pipeline import Pipeline
from model_core.results import Variant
from model_core.soundtrack import Soundtrack
from tests.video_factory import make_clip

pytestmark = pytest.mark.model
CLIP = asset("demo/montage.mp4")
PROMPT = "bright cinematic strings and drums, hopeful"


def notation(soundtrack: Soundtrack) -> ScoreNotation:
    assert isinstance(soundtrack.music.notation, ScoreNotation)
    return soundtrack.music.notation


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load()


@pytest.fixture(scope="module")
def soundtrack(pipeline: Pipeline) -> Soundtrack:
    return pipeline.score_video(CLIP, PROMPT, ScoreOptions(seed=1))


def _score(pipeline: Pipeline, of: Soundtrack, prompt: str = PROMPT, **options: object) -> Soundtrack:
    given = ScoreOptions.model_validate(options)
    return pipeline.score_curve(of.video_curve, of.video, prompt, given, lambda stage, fraction: None)


def test_the_sound_is_as_long_as_the_video_and_at_broadcast_level(soundtrack: Soundtrack) -> None:
    report = soundtrack.report()
    assert soundtrack.audio.shape == (2, round(probe(CLIP).duration * SAMPLE_RATE))
    assert -24 < report["audio"]["integrated_lufs"] < -12
    assert report["audio"]["true_peak_dbtp"] < 0
    assert np.abs(soundtrack.audio[0] - soundtrack.audio[1]).max() > 0.01


def test_it_is_music(soundtrack: Soundtrack) -> None:
    """Several instruments, enough notes, and nearly all of them in the scale that the plan says."""
    pitched = [note for note in notation(soundtrack).notes if note.role not in ("drums", "impact")]
    scale = {(degree + notation(soundtrack).plan.key) % 12 for degree in (0, 2, 4, 5, 7, 8, 9, 11)}
    assert len({note.role for note in notation(soundtrack).notes}) >= 2
    assert len(notation(soundtrack).notes) > notation(soundtrack).plan.duration
    assert np.mean([note.pitch % 12 in scale for note in pitched]) > 0.95
    assert all(0 <= note.start < note.end and 0 < note.velocity <= 1 for note in notation(soundtrack).notes)


def test_all_artifacts_are_written(soundtrack: Soundtrack, tmp_path: Path) -> None:
    paths = soundtrack.write(CLIP, tmp_path)
    assert set(paths) == set(Variant)
    assert video_packets_digest(paths["video"]) == video_packets_digest(CLIP)
    assert read_audio(paths["audio"]).shape[1] == soundtrack.audio.shape[1]
    curves = json.loads(paths["curve"].read_text())
    assert len(curves["video"]["times_s"]) == len(soundtrack.video_curve.times)
    assert curves["music"]["encoder"] != curves["video"]["encoder"]
    report = json.loads(paths["report"].read_text())
    assert report["prompt"] == PROMPT
    assert report["options"]["seed"] == 1
    assert report["model"]["name"] == "v2m-embedded-1"
    assert report["model"]["kind"] == "embedded-score"


def test_the_seed_decides(pipeline: Pipeline, soundtrack: Soundtrack) -> None:
    again = _score(pipeline, soundtrack, seed=1)
    np.testing.assert_array_equal(again.audio, soundtrack.audio)
    other = _score(pipeline, soundtrack, seed=2)
    assert notation(other).notes != notation(soundtrack).notes


def test_the_prompt_decides(pipeline: Pipeline, soundtrack: Soundtrack) -> None:
    piano = _score(pipeline, soundtrack, "solo piano, 90 bpm, in D minor")
    header = notation(piano).plan.header
    assert {note.program for note in notation(piano).notes if note.role not in ("drums", "impact")} == {0}
    assert header.minor
    assert (notation(piano).plan.key + 9) % 12 == 2
    assert 82 < 60 / np.diff(notation(piano).plan.tempo.beat_times).mean() < 98
    quiet = _score(pipeline, soundtrack, "epic battle, no drums")
    assert not [note for note in notation(quiet).notes if note.role in ("drums", "impact")]


def test_a_planned_curve_is_heard(pipeline: Pipeline, soundtrack: Soundtrack) -> None:
    """Events planted in a curve, no bending of the tempo: the music's own curve follows, and no other clip's.

    Pooled over seeds, against the same curves mirrored in time.
    """
    rng = np.random.default_rng(4)
    own, mirrored = [], []
    for seed in range(6):
        times = np.arange(0.04, soundtrack.video.duration, 0.08)
        events = np.sort(rng.uniform(1, soundtrack.video.duration - 1, 4))
        values = np.exp(-0.5 * ((times[:, None] - events) / 0.08) ** 2).max(axis=1)
        curve = EventCurve(times, (values - values.mean()) / values.std(), "planted", 0.2)
        made = pipeline.score_curve(
            curve,
            soundtrack.video,
            PROMPT,
            ScoreOptions(seed=seed, sync=0, redraws=0, curve_guidance=5),
            lambda *_: None,
        )
        heard = made.music_curve.at(times)
        own.append(float(np.corrcoef(curve.values, heard)[0, 1]))
        mirrored.append(float(np.corrcoef(curve.values[::-1], heard)[0, 1]))
    assert np.mean(own) > np.mean(mirrored) + 0.1


def test_progress_names_every_stage_in_order(pipeline: Pipeline, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", cuts=[1.0], duration=2.0)
    seen: list[tuple[str, float]] = []
    made = pipeline.score_video(clip, "", ScoreOptions(steps=4), lambda *step: seen.append(step))
    made.write(clip, tmp_path, lambda *step: seen.append(step))
    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert stages == list(STAGES)
    assert all(0 <= fraction <= 1 for _, fraction in seen)


def test_a_caller_can_stop_it(pipeline: Pipeline, soundtrack: Soundtrack) -> None:
    def stop(stage: str, fraction: float) -> None:
        if stage == "generate":
            raise CanceledError

    with pytest.raises(CanceledError):
        pipeline.score_curve(soundtrack.video_curve, soundtrack.video, "", ScoreOptions(), stop)


def test_a_still_picture_gets_music_without_events(pipeline: Pipeline, tmp_path: Path) -> None:
    still = make_clip(tmp_path / "still.mp4", cuts=[], duration=4.0, static=True)
    made = pipeline.score_video(still, "", ScoreOptions())
    assert len(made.video_curve.peaks()) == 0
    assert made.audio.shape[1] == round(made.video.duration * SAMPLE_RATE)
    assert notation(made).notes


def test_too_long_a_prompt_is_refused_before_the_video_is_read(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(PROMPT_MAX_CHARS)) as caught:
        pipeline.score_video(tmp_path / "missing.mp4", "x" * (PROMPT_MAX_CHARS + 1), ScoreOptions())
    assert caught.value.field == "prompt"
