"""What the fuzzer found, each as small as it could be made."""

from pathlib import Path
from random import Random

import numpy as np
import pytest

from model_core.media import MediaError, frames, mux, probe, video_packets_digest
from model_core.media.sandbox.messages import describe_error
from tests.fuzz.cases import Case
from tests.fuzz.damage import units
from tests.fuzz.seeds import seed_file

TONE = np.full((2, 44_100), 0.1, dtype=np.float32)


@pytest.mark.parametrize(
    "name",
    ["webm.shuffled-times.811", "ts.pictures-grown.611", "wmv-msmpeg4.swap-units.1417", "webm-vp8.shuffled-times.1"],
)
def test_times_that_no_container_keeps_are_refused_before_there_is_a_job(tmp_path: Path, name: str) -> None:
    # They were scored, and the video that came back was some seconds shorter or longer than the one sent.
    source = tmp_path / "source"
    source.write_bytes(Case.named(name).data())
    with pytest.raises(MediaError, match=r"times of .* are missing or go back by \d+\.\d s.* Convert it"):
        probe(source)


@pytest.mark.parametrize(
    "name",
    # Pictures that an edit list cuts off at the end came back; a last picture of unknown length was hidden.
    ["mp4-silent.mp4-rename-box.1823", "mp4-mpeg4.mp4-remove-box.1882", "webm.times-unknown.1288"],
)
def test_as_many_pictures_come_back_as_are_shown(tmp_path: Path, name: str) -> None:
    source, scored = tmp_path / "source", tmp_path / "scored.mp4"
    source.write_bytes(Case.named(name).data())
    before = probe(source)
    mux(source, TONE, 44_100, scored)
    after = probe(scored)
    assert after.frames == before.frames
    assert after.duration == pytest.approx(before.duration, abs=0.041)
    assert video_packets_digest(scored) == video_packets_digest(source)


def test_a_stream_that_begins_again_is_scored(tmp_path: Path) -> None:
    source, scored = tmp_path / "source.ts", tmp_path / "scored.mp4"
    source.write_bytes(units.DAMAGES["shuffle-units"](seed_file("mpg"), Random(2)))
    info = probe(source)
    mux(source, TONE, 44_100, scored)
    assert probe(scored).duration == pytest.approx(info.duration, abs=0.2)


def test_a_picture_of_which_the_decoder_makes_nothing_is_passed_over(tmp_path: Path) -> None:
    # H.263's decoder says "operation not permitted" of pictures that it does not understand.
    source = tmp_path / "source.mov"
    source.write_bytes(Case.named("mov-h263.pictures-noise.1000710").data())
    shown = sum(len(batch.times) for batch in frames(source, 12.5, 16))
    assert shown == 15


def test_pictures_of_unknown_size_are_refused_at_once(tmp_path: Path) -> None:
    # They could be decoded, and were, until the muxer asked for the size.
    source = tmp_path / "source.mov"
    source.write_bytes(Case.named("mov-h263.mp4-chunk-places.2000326").data())
    with pytest.raises(MediaError, match="does not contain the size of its pictures"):
        probe(source)


def test_a_refusal_by_the_muxer_is_told_without_paths_and_calls(tmp_path: Path) -> None:
    source = tmp_path / "source.mpg"
    source.write_bytes(Case.named("mpg.unit-headers.1000017").data())
    with pytest.raises(MediaError) as refused:
        mux(source, TONE, 44_100, tmp_path / "scored.mp4")
    assert refused.value.detail == "The file cannot be read: it uses a feature that the decoder does not support."
    assert list(tmp_path.iterdir()) == [source]


def test_only_what_system_and_library_say_is_handed_on() -> None:
    assert describe_error(OSError(22, "Invalid argument", "/secret/path")) == "Invalid argument"
    assert describe_error(OverflowError("Python int too large to convert to C long")) == "the decoder failed on it"
