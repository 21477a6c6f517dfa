"""A small part of ``make fuzz``, and tests that the fuzzer itself can fail."""

import io
from pathlib import Path
from typing import Final

import av
import httpx
import pytest

from tests.fuzz.canary import Watch
from tests.fuzz.cases import FAMILIES, KINDS, Case, plan
from tests.fuzz.judge import faults_of_detail, faults_of_failure, faults_of_refusal
from tests.fuzz.remains import faults_of_store
from tests.fuzz.run import fuzz
from tests.fuzz.seeds import RECIPES, container_of, seed_file
from tests.fuzz.trial import Outcome

_OF_EACH_FAMILY: Final = 6
_SEED: Final = 20
FEW: Final = [
    kind for kinds in FAMILIES.values() for kind in kinds[:: -(-len(kinds) // _OF_EACH_FAMILY)][:_OF_EACH_FAMILY]
]


@pytest.mark.slow  # a minute: a service, a worker and about sixty files
def test_damaged_files_do_no_harm() -> None:
    cases = list(plan(len(FEW) + 6, _SEED, FEW))
    assert {container_of(case.base) for case in cases} == {"file", *map(container_of, RECIPES)}
    assert all(any(case.kind in kinds for case in cases) for kinds in FAMILIES.values())
    report = fuzz(cases)
    assert [f"{name}: {fault.sort}: {fault.text}" for name, fault in report.all_faults()] == []
    ends = [outcome.end for outcome in report.outcomes]
    assert len(ends) == len(cases)
    assert min(ends.count("refused"), ends.count("completed")) >= 15, report.line()


def test_a_name_is_all_that_is_needed_to_make_a_file_again() -> None:
    for name in ("mp4.flip-few.17", "mkv.mkv-move-element.3", "ogv.unit-header.5", "mpg.leap.2", "file.hls.1"):
        first = Case.named(name).data()
        seed_file.cache_clear()
        assert Case.named(name).data() == first
    with pytest.raises(ValueError, match="is no case"):
        Case.named("mp4.mkv-move-element.3")


def test_every_kind_of_damage_can_be_done() -> None:
    cases = list(plan(len(KINDS)))
    assert {case.kind for case in cases} == set(KINDS)
    unharmed = [case.name for case in cases if case.base in RECIPES and case.data() == seed_file(case.base)]
    # Besides the one kind that does none, chance may write what was there already, or meet a file without such a table.
    assert len(unharmed) <= 6, unharmed


@pytest.mark.parametrize("name", RECIPES)
def test_the_files_are_sound_before_they_are_damaged(name: str) -> None:
    with av.open(io.BytesIO(seed_file(name)), "r") as container:
        video = container.streams.video[0]
        assert sum(1 for _ in container.decode(video)) == RECIPES[name].pictures
        assert len(container.streams.audio) == (RECIPES[name].sound is not None)


def test_an_opened_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "canary.mp4"
    path.write_bytes(b"x")
    with Watch(path) as watch:
        assert watch.opened() == 0
        path.read_bytes()
        assert watch.opened() == 1
        assert watch.opened() == 0


@pytest.mark.parametrize(
    "detail",
    [
        "cannot be read: [Errno 2] No such file",
        "cannot be read: /tmp/v2m/upload",
        "cannot be read: InvalidDataError",
        "Traceback (most recent call last):\n  File",
        "is <object object at 0x7f2a>",
        "has None pictures",
        "",
        None,
        "x" * 400,
        "two\nlines",
    ],
)
def test_an_unclear_detail_is_a_fault(detail: str | None) -> None:
    assert list(faults_of_detail(detail))


def test_what_a_refusal_must_be() -> None:
    kind = {"Content-Type": "application/problem+json"}
    good = {"type": "urn:v2m-zero:problem:unreadable", "status": 422, "field": "video", "detail": "The video broke."}
    assert not list(faults_of_refusal(httpx.Response(422, headers=kind, json=good)))
    for status, problem in (
        (500, good),
        (415, good),
        (422, {**good, "field": None}),
        (422, {**good, "detail": "It is damaged."}),
        (422, {**good, "type": "about:blank"}),
    ):
        assert list(faults_of_refusal(httpx.Response(status, headers=kind, json=problem)))
    assert list(faults_of_refusal(httpx.Response(422, json=good)))


def test_what_a_failure_must_be() -> None:
    assert not list(faults_of_failure({"error": {"code": "unreadable", "detail": "cannot be read"}}))
    assert list(faults_of_failure({"error": {"code": "internal", "detail": "a fault of ours"}}))
    assert list(faults_of_failure({"error": None}))


def test_the_store_is_compared_with_what_was_accepted(tmp_path: Path) -> None:
    accepted = {
        name: Outcome(Case("mp4", "untouched", 1), "completed", name) for name in ("good", "twice", "lost", "empty")
    }
    accepted["failed"] = Outcome(Case("mp4", "untouched", 2), "failed", "failed")
    for file in (
        *("good/upload", "good/results/1/video.mp4", "twice/upload", "twice/results/1/video.mp4"),
        *("twice/results/2/video.mp4", "empty/upload", "failed/upload", "failed/odd", "stranger/upload"),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    faults = sorted((fault.sort, fault.text.partition(":")[0]) for fault in faults_of_store(tmp_path, accepted))
    assert faults == [
        ("doubled", "mp4.untouched.1, job twice"),
        ("left behind", "in the store"),
        ("left behind", "mp4.untouched.2, job failed"),
        ("lost", "mp4.untouched.1, job empty"),
        ("lost", "mp4.untouched.1, job lost"),
        ("lost", "mp4.untouched.1, job lost"),
    ]
