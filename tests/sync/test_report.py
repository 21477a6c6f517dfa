"""The report of one video, on clips whose cuts and hits are known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.errors import InputError
from model_core.media import mux
from model_core.sync.chance import Figure
from model_core.sync.figures import EventMatches
from model_core.sync.report import lag_ms, measure, measure_sound, report_json, summarize
from model_core.sync.sound import Envelope
from model_core.sync.video import VideoFeatures, analyze_video
from tests.video_factory import make_clip

RATE = 44_100
DURATION = 8.0
CUTS = (1.2, 2.08, 3.64, 5.0, 6.36)  # no two of them are half a second apart
SEED = 1  # each cut is far from the strength below which a change is no event


class Thumbnails:
    """A cheap encoder: the picture itself, small, about its mean."""

    name = "thumbnails"
    size = 16
    feature_kind: Literal["picture"] = "picture"

    def embed(self, rgb: NDArray[np.uint8], previous: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        flat = rgb.reshape(len(rgb), -1).astype(np.float32)
        return np.asarray(flat - 128.0, np.float32)


def hits(times: tuple[float, ...], duration: float = DURATION) -> NDArray[np.float32]:
    """Decaying tones at the times, over very soft noise."""
    audio = 0.005 * np.random.default_rng(0).standard_normal(round(duration * RATE))
    for number, time in enumerate(times):
        first = round(time * RATE)
        after = np.arange(min(len(audio) - first, RATE // 2)) / RATE
        audio[first : first + len(after)] += 0.6 * np.exp(-9 * after) * np.sin(2 * np.pi * 110 * (2 + number) * after)
    return np.stack([audio, audio]).astype(np.float32)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("report") / "silent.mp4", CUTS, DURATION, seed=SEED)


@pytest.fixture(scope="module")
def features(silent: Path) -> VideoFeatures:
    return analyze_video(silent, Thumbnails())


def strict(report: Any) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(json.dumps(report), parse_constant=refuse)


def test_hits_on_the_cuts_are_found_in_the_file_with_the_real_encoder(silent: Path, tmp_path: Path) -> None:
    said: list[float] = []
    mux(silent, hits(CUTS), RATE, tmp_path / "scored.mp4")
    report = measure(tmp_path / "scored.mp4", EfficientNetLite0(), progress=said.append)
    np.testing.assert_allclose(report.events, CUTS, atol=0.01)
    for name in ("f1_onset", "f1_novelty"):
        assert report.figures[name].value == 1.0
        assert report.figures[name].p < 0.01
        assert report.figures[name].mean < 0.3
    assert report.correlation.p < 0.01
    assert np.abs(report.onset.offset_s).max() < 0.05
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_the_same_sound_half_a_second_late_hits_nothing(features: VideoFeatures) -> None:
    late = measure_sound(features, hits(tuple(cut + 0.5 for cut in CUTS)), RATE)
    for name in ("f1_onset", "f1_novelty"):
        assert late.figures[name].value < 0.3
        assert late.figures[name].p > 0.05
    assert late.onset.hits == 0
    assert np.median(late.onset.offset_s) == pytest.approx(0.5, abs=0.05)


def test_given_events_take_the_place_of_the_pictures_own(features: VideoFeatures) -> None:
    report = measure_sound(features, hits(CUTS), RATE, np.array([5.0, 2.6, 2.6]))
    np.testing.assert_array_equal(report.events, [2.6, 5.0])
    assert report.given
    assert report_json(report)["events_given"] is True
    assert [event["strength"] for event in strict(report_json(report))["events"]] == [None, None]
    assert "of 2 given events have" in summarize(report)


def test_sound_beyond_the_end_of_the_video_is_not_heard(features: VideoFeatures) -> None:
    long = hits((*CUTS, 9.0, 9.7, 10.4, 11.0), 12.0)
    long[:, round(8.5 * RATE) :] *= 1.5
    report = measure_sound(features, long, RATE)
    assert report.onset.peaks.max() < DURATION
    assert report.figures["f1_onset"].value == 1.0


def test_json_is_strict_and_says_each_event(features: VideoFeatures) -> None:
    late = tuple(cut + 0.5 if cut == 3.64 else cut for cut in CUTS)
    report = measure_sound(features, hits(late), RATE)
    nothing = EventMatches(np.zeros(0), np.full(5, -1), np.full(5, np.nan))
    told = strict(report_json(replace(report, novelty=nothing)))
    assert [event["onset"]["hit"] for event in told["events"]] == [True, True, False, True, True]
    assert [event["novelty"] for event in told["events"]] == [{"hit": False, "nearest_peak_ms": None}] * 5
    assert told["events"][2]["onset"]["nearest_peak_ms"] == pytest.approx(500, abs=50)
    assert told["events"][2]["time_s"] == pytest.approx(3.64, abs=0.01)
    assert 0.45 <= told["events"][2]["strength"] <= 1
    assert told["figures"]["f1_onset"]["value"] == 0.8
    assert told["duration_s"] == DURATION
    assert told["tolerance_ms"] == 100
    assert told["tempo_bpm"] > 0
    by_chance = 5 * report.figures["f1_onset"].mean  # as many peaks as events: F1 is the share of hits
    assert 0.05 < by_chance < 2
    assert told["verdict"] == (
        "4 of 5 changes of the picture have a strong onset within 100 ms; "
        f"chance would give {by_chance:.1f} (p {report.figures['f1_onset'].p:.3f})."
    )


def test_what_is_infinite_becomes_null(features: VideoFeatures) -> None:
    report = measure_sound(features, hits(CUTS), RATE)
    endless = replace(report, figures={"f1_onset": Figure(1.0, np.zeros(200))})
    assert endless.figures["f1_onset"].z == np.inf
    figure = strict(report_json(endless))["figures"]["f1_onset"]
    assert figure == {"value": 1.0, "null_mean": 0.0, "z": None, "p": round(1 / 201, 4)}


def test_silence_hits_nothing(features: VideoFeatures) -> None:
    report = measure_sound(features, np.zeros((2, round(DURATION * RATE)), np.float32), RATE)
    told = strict(report_json(report))
    assert told["verdict"] == "The sound has no onset: none of 5 changes of the picture is hit."
    assert told["tempo_bpm"] is None
    assert told["curve_correlation"]["lag_ms"] is None
    assert np.isnan(lag_ms(report))
    assert {event["onset"]["nearest_peak_ms"] for event in told["events"]} == {None}
    assert told["figures"]["f1_onset"]["p"] == 1.0


def test_a_still_picture_has_nothing_to_hit(tmp_path: Path) -> None:
    still = analyze_video(make_clip(tmp_path / "still.mp4", duration=3.0, static=True), Thumbnails())
    report = measure_sound(still, hits((1.0,), 3.0), RATE)
    told = strict(report_json(report))
    assert told["events"] == []
    assert "no event to hit" in told["verdict"]
    assert "f1_onset" not in told["figures"]


def test_one_peak_hits_one_event() -> None:
    values = np.zeros(500)
    values[[100, 300]] = 1.0
    met = EventMatches.of(Envelope(values, 100.0), np.array([0.95, 1.05, 4.0]))
    assert met.hits == 1
    np.testing.assert_allclose(met.offset_s, [0.05, -0.05, -1.0])


@pytest.mark.parametrize("events", [[-0.1], [8.1], [np.nan], [np.inf], [1.0, 99.0]])
def test_events_outside_the_video_are_refused_before_it_is_decoded(silent: Path, events: list[float]) -> None:
    # The clip has no sound: that its events are told first means that nothing else was tried.
    with pytest.raises(InputError, match=r"--events: must be between 0 and 8\.00 s"):
        measure(silent, Thumbnails(), np.array(events))


def test_silent_and_short_videos_are_refused(silent: Path, features: VideoFeatures, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="video: The file has no audio stream"):
        measure(silent, Thumbnails())
    with pytest.raises(InputError, match="a figure needs at least 2 s"):
        measure(make_clip(tmp_path / "short.mp4", duration=1.0), Thumbnails())
    with pytest.raises(InputError, match="less than 1 s of sound"):
        measure_sound(features, hits((0.1,), 0.5), RATE)
