"""Style classifier: a small network that finds the style of a score from its notes, and prompts that name a style.

Its inputs are the notes on each sixteenth: drum hits, states of bass, lead and arp, chords. It has no header, tempo,
instrument or loudness. It is trained on the composer's pieces.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model_core.models.score.codec.score import BEATS_PER_BAR, LANES, ROLES, STEPS_PER_BEAT, Score
from model_core.models.score.codec.vae import FIELDS, to_beats
from model_core.plan.plan import STYLES
from model_core.training.captions import caption
from model_core.training.captions.phrases import HELD_OUT_STYLES, STYLE_NAMES
from model_core.training.composer import Piece, compose

log = logging.getLogger("model_core.evaluation")

FIRST_SEED: Final = 50_000_000
"""First seed of the training pieces; the pieces for the check begin at FIRST_CHECKED."""
FIRST_CHECKED: Final = 60_000_000
_BEATS: Final = 96
_SEEN: Final = tuple(name for name in FIELDS if "velocity" not in name)
WIDTH: Final = sum(FIELDS[name].stop - FIELDS[name].start for name in _SEEN) + BEATS_PER_BAR + 1
_HIDDEN: Final = 160
_WINDOWS: Final = (32, 48, 64, 96)
_BATCH: Final = 64
_SILENCED: Final = 0.1
"""Probability of removing a part from an example: music without drums has a style too."""
_RISER: Final = LANES.index("riser")

Roll = NDArray[np.uint8]


class StyleNet(nn.Module):
    """Rolls (B, N, WIDTH) of any length N -> logits of STYLES: beats, then bars, then the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.beat = nn.Sequential(nn.Linear(WIDTH, _HIDDEN), nn.ReLU(), nn.Dropout(0.2))
        self.bar = nn.Conv1d(_HIDDEN, _HIDDEN, 4, padding=2)
        self.whole = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * _HIDDEN, len(STYLES)))

    def forward(self, rolls: torch.Tensor) -> torch.Tensor:
        bars = torch.relu(self.bar(self.beat(rolls).transpose(1, 2)))
        logits: torch.Tensor = self.whole(torch.cat([bars.mean(dim=2), bars.amax(dim=2)], dim=1))
        return logits

    @torch.no_grad()
    def classify(self, score: Score) -> str:
        """The likeliest style of a score."""
        return STYLES[int(self(torch.from_numpy(build_roll(score)[None].astype(np.float32))).argmax())]


def build_roll(score: Score) -> Roll:
    """Build the roll of a score: its notes by beat, shape (N, WIDTH), 0 or 1, without risers and velocities."""
    beats = to_beats(score)
    hits = beats[:, FIELDS["drum_hit"]].reshape(-1, STEPS_PER_BEAT, len(LANES))
    hits[..., _RISER] = 0
    place = np.eye(BEATS_PER_BAR + 1)[score.beat_in_bar]
    return np.concatenate([beats[:, FIELDS[name]] for name in _SEEN] + [place], axis=1).astype(np.uint8)


def load_style_net(folder: Path, pieces: int, steps: int) -> StyleNet:
    """Return the trained network, from ``folder`` unless the composer or this file has changed."""
    kept = folder / f"styles-{_fingerprint()}-{pieces}-{steps}.pt"
    net = StyleNet()
    if kept.exists():
        net.load_state_dict(torch.load(kept, weights_only=True))
        return net.eval()
    net = train(_example, pieces, steps)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), kept)
    return net


def train(example: Callable[[int], tuple[Roll, int]], pieces: int, steps: int, seed: int = 0) -> StyleNet:
    """Train on the rolls and style numbers that ``example`` returns for 0 .. pieces - 1."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    known = [example(number) for number in range(pieces)]
    log.info("the style network learns from %d pieces", pieces)
    net = StyleNet().train()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        beats = int(rng.choice(_WINDOWS))
        chosen = [known[int(number)] for number in rng.integers(len(known), size=_BATCH)]
        rolls = np.stack([_window(roll, beats, rng) for roll, _ in chosen]).astype(np.float32)
        styles = torch.tensor([style for _, style in chosen])
        loss = nn.functional.cross_entropy(net(torch.from_numpy(rolls)), styles, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return net.eval()


def accuracy(net: StyleNet, scores: Iterable[Score], styles: Sequence[str]) -> list[bool]:
    """Return for each score True when the network finds its style."""
    return [net.classify(score) == style for score, style in zip(scores, styles, strict=True)]


def _example(number: int) -> tuple[Roll, int]:
    style = number % len(STYLES)
    return build_roll(compose(FIRST_SEED + number, STYLES[style], _BEATS).score), style


def _window(roll: Roll, beats: int, rng: np.random.Generator) -> Roll:
    """Some of the beats, now and then without one of the parts."""
    start = int(rng.integers(0, len(roll) - beats + 1))
    window = roll[start : start + beats]
    if rng.random() < _SILENCED:
        window = window.copy()
        for columns in _COLUMNS[str(rng.choice(ROLES))]:
            window[:, columns] = 0
    return window


def _columns() -> dict[str, list[slice]]:
    at, found = 0, dict[str, list[slice]]()
    for name in _SEEN:
        width = FIELDS[name].stop - FIELDS[name].start
        role = {"drum_hit": "drums", "chord": "chords", "chord_struck": "chords"}.get(name, name)
        found.setdefault(role, []).append(slice(at, at + width))
        at += width
    return found


_COLUMNS: Final = _columns()


def _fingerprint() -> str:
    package = Path(compose.__code__.co_filename).parent
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*.py"), Path(__file__)]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


FIRST_PROMPT_SEED: Final = 70_000_000
_PROMPT_BEATS: Final = 48
_LEAST_PARTS: Final = 3


def is_full(piece: Piece) -> bool:
    """Return True when several parts play together; a piano may be alone."""
    return len(piece.header.parts) >= _LEAST_PARTS or piece.header.style == "piano"


def is_typical(piece: Piece) -> bool:
    """Return True when the notes determine the style: single parts and waltzes are much alike in several styles."""
    return piece.header.meter == "4/4" and is_full(piece)


def make_style_prompt(style: str, number: int, held_out: bool) -> str:
    """A caption of some typical piece of a style with one of its phrases in it; the same for the same arguments."""
    table = (HELD_OUT_STYLES if held_out else STYLE_NAMES)[style]
    named = tuple(phrase.lower() for some in table.values() for phrase in some)
    rng = np.random.default_rng([number, int(held_out), *style.encode()])
    while True:
        piece = compose(FIRST_PROMPT_SEED + int(rng.integers(1_000_000)), style, _PROMPT_BEATS)
        if is_typical(piece):
            text = caption(piece, rng, held_out)
            if any(phrase in text.lower() for phrase in named):
                return text
