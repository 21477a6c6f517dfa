"""From runs to the page: what is pooled, what the tables say, and that an interrupted study goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

from model_core.curves.event_curve import EventCurve
from model_core.evaluation.curve_accuracy import OURS, Detections, offsets, run_detectors, score, size_order
from model_core.evaluation.page import draw_offsets, draw_systems, page, systems_table, trust_table
from model_core.evaluation.study import TEMPO, WINDOWS_S, Run, by_system, figures, read_runs, rows, run_study
from model_core.evaluation.systems import BLIND, LibraryTrack, Metronome
from model_core.evaluation.truth import Event, TruthClip
from model_core.media import VideoInfo, write_wav
from model_core.sync.chance import Correlogram, Figure
from model_core.sync.video import VideoFeatures
from tests import video_factory as factory

INFO = VideoInfo(8.0, 160, 120, 0, 25.0, False, "h264", None, "mov,mp4", 200)
TIMES = np.arange(0, 8, 0.08)


def features() -> VideoFeatures:
    curve = EventCurve(TIMES, np.exp(-0.5 * ((TIMES - 3.2) / 0.1) ** 2), "test", 0.2)
    return VideoFeatures(curve, INFO, np.array([1.0, 2.0]))


def clip(name: str = "a", kind: str = "cut", times: tuple[float, ...] = (1.0, 3.0, 6.0)) -> TruthClip:
    return TruthClip(Path(f"{name}.mp4"), kind, tuple(Event(t, 1.0, "cut") for t in times), 8.0, 25.0, None)


def run(system: str, name: str, value: float, seed: int = 0, kind: str = "cut", bpm: float | None = None) -> Run:
    null = np.random.default_rng(0).normal(0.1, 0.05, 200)
    rng = np.random.default_rng(len(name))
    correlogram = Correlogram(value * 200 * np.eye(1, 200)[0] + rng.normal(0, 2, 200))
    found = {metric: Figure(value, null) for metric in ("f1_onset", "f1_novelty", "auc_onset")}
    return Run(system, name, kind, seed, bpm, 120.0, found, dict.fromkeys(WINDOWS_S, correlogram))


RUNS = [
    *(run("ours", name, 0.6 + 0.02 * i, kind=kind) for i, (name, kind) in enumerate([("a", "cut"), ("b", "dance")])),
    *(run(BLIND[3], name, 0.1, kind=kind) for name, kind in (("a", "cut"), ("b", "dance"))),
]


def test_a_run_survives_json() -> None:
    one = run("ours", "a", 0.5, bpm=100.0)
    again = Run.from_json(json.loads(json.dumps(one.to_json())))
    assert (again.system, again.clip, again.bpm, set(again.correlograms)) == ("ours", "a", 100.0, set(WINDOWS_S))
    assert again.figures["f1_onset"].value == 0.5


def test_clips_count_once_however_many_seeds() -> None:
    runs = [run("ours", "a", 0.0), run("ours", "a", 1.0, seed=1), run("ours", "b", 1.0)]
    assert figures(runs)["f1_onset"].value == pytest.approx(0.75)
    assert figures(runs)["f1_onset"].clips == 2


def test_the_tempo_is_held_against_the_music_for_other_clips() -> None:
    runs = [run("ours", "a", 0.5, bpm=120.0), run("ours", "b", 0.5, bpm=90.0), run("ours", "c", 0.5)]
    found = figures(runs)[TEMPO]
    assert found.value == pytest.approx(0.5)  # all music is at 120: right for one of the two
    assert found.clips == 2
    assert TEMPO not in figures([run("ours", "c", 0.5)])


def test_tables_have_a_row_a_system_and_tell_apart_what_can_be() -> None:
    table = rows(RUNS)
    assert list(by_system(RUNS)) == ["ours", BLIND[3]] == [row.system for row in table]
    lines = systems_table(table)
    assert len(lines) == 4
    assert "**0.61** [0.60, 0.62]" in lines[2]
    assert all("| yes |" in line for line in trust_table(table, BLIND)[2:])
    worse = [run("ours", "a", 0.1), run(BLIND[3], "a", 0.3)]
    assert "blind is higher" in trust_table(rows(worse), BLIND)[2]


def detections(*times: float, name: str = "a", detector: str = OURS, sizes: tuple[float, ...] = ()) -> Detections:
    return Detections(detector, clip(name), np.array(times), np.array(sizes or [1.0] * len(times)))


def test_detections_are_pooled_and_matched_within_the_tolerance() -> None:
    found = [detections(1.03, 3.2, 6.0), detections(1.0, 2.0, name="b")]
    tight, wide = score(found, 0.04), score(found, 0.25)
    assert (tight.hits, tight.found, tight.events) == (3, 5, 6)
    assert tight.precision == pytest.approx(3 / 5)
    assert tight.recall == pytest.approx(3 / 6)
    assert tight.f1 == pytest.approx(2 * 3 / 11)
    assert wide.hits == 4
    assert tight.low <= tight.f1 <= tight.high
    np.testing.assert_allclose(offsets(found), [0.03, 0.2, 0.0, 0.0])


def test_larger_events_should_be_higher_peaks() -> None:
    graded = TruthClip(Path("a.mp4"), "cut", tuple(Event(t, t / 6, "cut") for t in (1.0, 3.0, 6.0)), 8.0, 25.0, None)
    times = np.array([1.0, 3.0, 6.0])
    assert size_order([Detections(OURS, graded, times, np.array([1.0, 2.0, 3.0]))]) == pytest.approx(1.0)
    assert size_order([Detections(OURS, graded, times, np.array([3.0, 2.0, 1.0]))]) == pytest.approx(-1.0)
    assert size_order([detections(1.0, 3.0, 6.0, sizes=(1.0, 2.0, 3.0))]) is None  # all are of one size


def test_pyscenedetect_and_the_curve_are_asked_the_same(tmp_path: Path) -> None:
    path = factory.make_clip(tmp_path / "a.mp4", [1.2, 3.2], duration=5.0)
    found = run_detectors(
        TruthClip(path, "cut", (Event(1.2, 1, "cut"), Event(3.2, 1, "cut")), 5.0, 25.0, None), features().curve
    )
    assert [one.detector for one in found] == [OURS, "PySceneDetect, adaptive", "PySceneDetect, content"]
    np.testing.assert_allclose(found[0].times, [3.2])
    for one in found[1:]:
        np.testing.assert_allclose(one.times, [1.2, 3.2], atol=0.01)


def test_the_page_is_filled_in_and_the_pictures_are_drawn(tmp_path: Path) -> None:
    found = [
        detections(1.0, 3.0), detections(1.0, detector="PySceneDetect, content"),
        Detections(OURS, TruthClip(Path("n.mp4"), "nothing", (), 8.0, 25.0, None), np.array([2.0]), np.array([1.0])),
    ]  # fmt: skip
    text = page(RUNS, found, BLIND, "make evaluate-full")
    assert "$" not in text
    assert "make evaluate-full" in text
    assert "F1 **0.800**" in text
    assert "- event curve: 1 in 0.1 minutes (n: 1)" in text
    draw_systems(rows(RUNS), tmp_path / "img" / "systems.png")
    draw_offsets(found, tmp_path / "img" / "offsets.png")
    assert all(path.stat().st_size > 10_000 for path in (tmp_path / "img").iterdir())


class Counting(Metronome):
    """A metronome that knows how often it was wound up."""

    made = 0

    def music(self, features: VideoFeatures, number: int, seed: int) -> np.ndarray:
        Counting.made += 1
        return super().music(features, number, seed)


def test_an_interrupted_study_goes_on(tmp_path: Path) -> None:
    pairs = [(clip("a"), features()), (clip("quiet", "nothing", ()), features()), (clip("b"), features())]
    results = tmp_path / "new" / "runs.jsonl"
    first = run_study([Counting("metronome")], pairs[:2], [0], results)
    assert Counting.made == 1
    with results.open("a") as file:
        file.write('{"system": "metr')  # killed while it wrote
    results.write_text(results.read_text() + "\n")
    again = run_study([Counting("metronome")], pairs, [0], results)
    assert Counting.made == 2
    assert [one.clip for one in again] == ["a", "b"]
    assert again[0].figures["f1_onset"].value == first[0].figures["f1_onset"].value
    assert len(list(read_runs(results))) == 2


def test_a_metronome_is_dense_and_a_track_is_cut_to_length(tmp_path: Path) -> None:
    sound = Metronome("metronome").music(features(), 0, 0)
    assert sound.shape == (2, 8 * 44_100)
    loud = np.flatnonzero(np.abs(sound[0]) > 0.1)
    assert 60 <= 1 + (np.diff(loud) > 2000).sum() <= 64
    tone = np.sin(np.arange(44_100 * 3) / 20).astype(np.float32) * 0.1
    write_wav(tmp_path / "track.wav", np.tile(tone, (2, 1)), 44_100)
    track = LibraryTrack("track", [tmp_path / "track.wav"]).music(features(), 0, 0)
    assert track.shape == (2, 8 * 44_100)
    np.testing.assert_allclose(track[:, : 44_100 * 3], track[:, 44_100 * 3 : 44_100 * 6])
