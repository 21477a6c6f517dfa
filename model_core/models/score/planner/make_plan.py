"""Plan of a score: a header sampled from the planner, the prompt's explicit words applied to it, and the tempo map."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from model_core.models.score.planner.explicit_words import ExplicitWords, parse_explicit_words
from model_core.models.score.planner.network import SCALARS, PromptPlanner
from model_core.plan.events import Events
from model_core.plan.plan import ROLES, Header, ScorePlan, Vocabulary
from model_core.plan.tempo_map import MAX_BEND, TEMPO_SPREAD, TempoLimits, find_tempo_map, steady_tempo_map

_PIANO: Final = 0


def apply_words(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> Header:
    """Apply explicit words to a header, as far as the vocabulary allows."""
    header = replace(header, meter=_meter(header, words, vocabulary))
    header = replace(
        header,
        bpm=_bpm(header, words, vocabulary),
        minor=header.minor if words.minor is None else words.minor,
        programs=_programs(header, words, vocabulary),
        parts=(header.parts | words.wanted) - words.without,
    )
    if words.solo is not None:
        header = _keep_solo(header, words, vocabulary)
    return header if header.parts else replace(header, parts=frozenset(set(ROLES) - words.without or {"chords"}))


def _meter(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> str:
    """The requested meter, or else the header's own, unless 6/8 is too slow for the requested tempo."""
    if words.meter in vocabulary.meters:
        return str(words.meter)
    least = words.bpm if words.bpm is not None else (words.bpm_range or (0.0,))[0]
    if header.meter == "6/8" and least > vocabulary.bpm[1] / 1.5 and "4/4" in vocabulary.meters:
        return "4/4"
    return header.meter


def _bpm(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> float:
    """Quarter notes per minute; words count as a listener does."""
    felt = header.felt_bpm
    if words.bpm is not None:
        felt = words.bpm
    elif words.bpm_range is not None:
        felt = min(max(felt, words.bpm_range[0]), words.bpm_range[1])
    low, high = vocabulary.bpm
    return min(max(felt * header.bpm / header.felt_bpm, low), high)


def _programs(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> dict[str, int]:
    programs = dict(header.programs)
    for role, requested in words.programs.items():
        known = [p for p in requested if p in vocabulary.programs[role] and p not in words.unwanted]
        if known and programs[role] not in known:
            programs[role] = known[0]
    for role, program in programs.items():
        if program in words.unwanted:
            candidates = (*words.programs.get(role, ()), *vocabulary.programs[role])
            others = [p for p in candidates if p in vocabulary.programs[role] and p not in words.unwanted]
            programs[role] = others[0] if others else program
    return programs


def _keep_solo(header: Header, words: ExplicitWords, vocabulary: Vocabulary) -> Header:
    """Keep one instrument: in its own role, and in other playing roles that have its program."""
    solo = words.solo
    assert solo is not None
    if not solo.programs:
        return replace(header, parts=frozenset({solo.role}))
    able = [role for role in (solo.role, "chords", "lead", "arp", "bass") if role in vocabulary.programs]
    found = [(role, p) for role in able for p in solo.programs if p in vocabulary.programs[role]]
    if not found:
        return header
    role, program = found[0]
    shared = {other for other in ("chords", "lead", "arp") if program in vocabulary.programs[other]}
    parts = {role} | (shared & header.parts if role in shared else set())
    if program == _PIANO:
        parts |= {"chords", "lead"}
        if "piano" in vocabulary.styles:
            header = replace(header, style="piano", swing=0.0)
    programs = header.programs | dict.fromkeys(parts, program)
    return replace(header, parts=frozenset(parts), programs=programs)


_STYLE_TEMPERATURE: Final = 0.35
_BUSY_EVENTS_PER_S: Final = 0.6
_NAMED_TEMPO: Final = TempoLimits(bend=0.018, spread=0.0)
_DRIVE: Final = {
    "synthwave": 1.0, "house": 1.0, "trailer": 1.0, "rock": 0.9, "cinematic": 0.8, "orchestral": 0.7, "tension": 0.7,
    "hiphop": 0.7, "pop": 0.6, "funk": 0.6, "latin": 0.5, "chiptune": 0.3, "comedy": 0.2,
}  # fmt: skip
"""Drive of each style, 0..1; a busy picture without a prompt prefers high values."""


@dataclass(frozen=True)
class PlanRequest:
    """Request for a plan.

    Attributes:
        prompt, pooled: the prompt and its pooled embedding, shape (1, TEXT_DIM).
        seed: seed of all random choices.
        sync: how freely the tempo may bend towards events, 0 (not at all) to 1 (by MAX_BEND).
    """

    prompt: str
    pooled: torch.Tensor
    seed: int
    sync: float


def make_plan(planner: PromptPlanner, request: PlanRequest, events: Events, duration: float) -> ScorePlan:
    """Make the plan for a video of ``duration`` seconds with the given events; deterministic."""
    rng = np.random.default_rng([request.seed, 17])
    words = parse_explicit_words(request.prompt)
    header = _sample_header(planner, request, events, duration, rng)
    header = apply_words(header, words, planner.vocabulary)
    key = int(rng.integers(-5, 7))
    if words.key is not None:
        key = (words.key - (9 if header.minor else 0) + 5) % 12 - 5
    limits = TempoLimits(request.sync * MAX_BEND, TEMPO_SPREAD)
    if words.bpm is not None:
        limits = TempoLimits(min(limits.bend, _NAMED_TEMPO.bend), _NAMED_TEMPO.spread)
    bar = header.beats_per_bar
    if request.sync:
        tempo = find_tempo_map(duration, header.bpm, events, limits, bar)
    else:
        tempo = steady_tempo_map(duration, header.bpm, limits, bar)
    return ScorePlan(header=header, key=key, tempo=tempo, duration=duration, seed=request.seed)


@torch.no_grad()
def _sample_header(
    planner: PromptPlanner, request: PlanRequest, events: Events, duration: float, rng: np.random.Generator
) -> Header:
    vocabulary = planner.vocabulary
    busy = float(np.clip(len(events) / max(duration, 1.0) / _BUSY_EVENTS_PER_S, 0, 1))
    if request.prompt:
        odds = torch.softmax(planner.style_logits(request.pooled)[0] / _STYLE_TEMPERATURE, dim=0).double().numpy()
    else:
        # Without a prompt a busy picture prefers driving styles, a calm one quiet styles.
        drive = np.array([_DRIVE.get(style, 0.0) for style in vocabulary.styles])
        odds = busy * drive + (1 - busy) * (1 - drive) + 0.1
    style = int(rng.choice(len(odds), p=odds / odds.sum()))
    given = planner.predict_header(request.pooled, torch.tensor([style]))
    scalars = {}
    for name in SCALARS:
        mean, log_deviation = given[name][0].tolist()
        drawn = mean + 0.7 * float(np.exp(np.clip(log_deviation, -5, 0))) * rng.normal()
        scalars[name] = float(np.clip(drawn, 0, 1))
    if not request.prompt:
        scalars["energy"] = 0.25 + 0.65 * busy
    parts, programs = set(), {}
    for role, choices in vocabulary.programs.items():
        if rng.random() < torch.sigmoid(given[role][0, 0]).item():
            parts.add(role)
        programs[role] = choices[int(rng.choice(len(choices), p=_choice_odds(given[f"{role}_program"][0])))]
    low, high = vocabulary.bpm
    meters = vocabulary.meters
    return Header(
        style=vocabulary.styles[style],
        bpm=low + scalars["bpm"] * (high - low),
        swing=scalars["swing"] if scalars["swing"] > 0.05 else 0.0,
        minor=bool(rng.random() < torch.sigmoid(given["minor"][0, 0]).item()),
        programs=programs,
        parts=frozenset(parts | {"chords"}),
        energy=scalars["energy"],
        density=scalars["density"],
        meter=meters[int(rng.choice(len(meters), p=_choice_odds(given["meter"][0])))] if len(meters) > 1 else meters[0],
    )


def _choice_odds(logits: torch.Tensor) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    odds = torch.softmax(logits.double() / 0.7, dim=0).numpy()
    # Rare choices are uncertainty of the network, not a property of the style.
    odds = np.where(odds < min(0.05, odds.max()), 0, odds)
    return np.asarray(odds / odds.sum())
