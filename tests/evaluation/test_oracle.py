"""The oracle on curves and sounds whose events are known."""

import numpy as np
import pytest

from model_core.curves.event_curve import EventCurve
from model_core.evaluation import oracle
from model_core.evaluation.oracle import (
    FIGURES,
    PLANTED,
    SAMPLE_RATE,
    START_S,
    Rendered,
    differences,
    find_highest,
    measure_curve,
    render,
    study,
    table,
)
from model_core.sync.sound import Envelope, SoundFeatures
from model_core.training.composer import compose

EVENTS = np.array([1.3, 4.1, 5.9, 9.2, 13.7, 17.1])
TIMES = np.arange(0.02, 20, 0.04)


def drawn(peaks: dict[float, float]) -> EventCurve:
    """A curve with Gaussians of the given heights at the given seconds."""
    values = sum(height * np.exp(-0.5 * ((TIMES - at) / 0.08) ** 2) for at, height in peaks.items())
    return EventCurve(TIMES, np.asarray(values), "drawn")


def sounding(events: np.ndarray) -> Rendered:
    values = np.zeros(2000)
    values[np.round(events * 100).astype(int)] = 1.0
    envelope, none = Envelope(values, 100.0), np.zeros(0)
    return Rendered(
        np.zeros((2, 100), np.float32), SoundFeatures(20.0, envelope, envelope, none, none, none, 0.0), events
    )


def test_the_highest_peaks_are_taken_and_never_the_start() -> None:
    curve = drawn({0.2: 9.0, 3.0: 2.0, 6.0: 4.0, 6.2: 3.9, 9.0: 3.0, 12.0: 1.0})
    np.testing.assert_allclose(find_highest(curve, 3), [3.0, 6.0, 9.0], atol=0.021)
    assert len(find_highest(curve, 99)) == 4  # 6.2 s is too near to 6.0 s
    assert len(find_highest(EventCurve(np.arange(2) / 25, np.ones(2), "short"), 3)) == 0


def test_a_curve_with_its_peaks_at_the_events_is_perfect() -> None:
    found = measure_curve(drawn(dict.fromkeys(EVENTS.tolist(), 4.0)), sounding(EVENTS))
    assert tuple(found) == tuple(FIGURES)
    for name, figure in found.items():
        assert figure.value == pytest.approx(1.0, abs=0.03), name
        assert figure.mean < 0.6, name


def test_each_figure_tells_what_is_wrong() -> None:
    """Four of six events found by the curve, and two peaks elsewhere that no ear would take for events."""
    peaks = dict.fromkeys([*EVENTS[:4].tolist(), 7.5, 11.0], 4.0)
    found = measure_curve(drawn(peaks), sounding(EVENTS))
    for name in ("f1_onset", "f1_novelty", "found", "recall", "precision"):
        assert found[name].value == pytest.approx(4 / 6), name
    peaks[11.0] = 1.0  # too low for a peak of the curve
    found = measure_curve(drawn(peaks), sounding(EVENTS))
    assert found["recall"].value == pytest.approx(4 / 6)
    assert found["precision"].value == pytest.approx(4 / 5)


def test_encoders_are_compared_on_the_same_pieces() -> None:
    right, wrong = drawn(dict.fromkeys(EVENTS.tolist(), 4.0)), drawn(dict.fromkeys((EVENTS + 1).tolist(), 4.0))
    pieces = [sounding(EVENTS), sounding(EVENTS)]
    found = study(pieces, {"right": lambda audio, rate: right, "wrong": lambda audio, rate: wrong})
    assert list(found) == ["right", "wrong", PLANTED]
    assert [piece["f1_onset"].value for piece in found["right"]] == [1.0, 1.0]
    assert [piece["f1_onset"].value for piece in found[PLANTED]] == [1.0, 1.0]
    (less, _) = differences(found["wrong"], found["right"])
    assert less["found"].value == pytest.approx(-1.0)
    lines = table(found)
    assert len(lines) == 2 + len(FIGURES)
    assert "**1.000** [1.000, 1.000]" in lines[2]
    assert lines[-1].endswith("|  |")  # the planted events have no curve, so no precision


def test_a_piece_sounds_as_long_as_it_is_and_loudest_at_its_events() -> None:
    piece = compose(5, "trailer", 16)
    rendered = render(piece, 5)
    seconds = 16 * 60 / piece.header.bpm
    assert rendered.audio.shape == (2, round(seconds * SAMPLE_RATE))
    assert len(rendered.planted) == len(
        {event.beat for event in piece.events if event.beat * 60 / piece.header.bpm > START_S}
    )
    assert (rendered.planted < seconds).all()
    near = [np.abs(rendered.sound.onsets - event).min() for event in rendered.planted]
    assert max(near) < 0.1


def test_the_command_prints_both_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(oracle, "BEATS", 24)
    oracle.main(["--pieces", "1", "--first", "4", "--encoder", "spectral", "--encoder", "musicnn"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "| | spectral | musicnn | planted |"
    assert "| | musicnn - spectral |" in printed
    assert len(printed) == 2 * (2 + len(FIGURES)) + 1
