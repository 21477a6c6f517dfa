"""Every damaged file has a name, and the name is all that is needed to make it again: ``mp4-hevc.flip-few.17``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz.damage import anywhere, boxes, disguises, ebml, giants, joined, packets, tables, units
from tests.fuzz.damage.kinds import Damage, Maker
from tests.fuzz.seeds import RECIPES, container_of, seed_file, suffix_of

FROM_NOTHING: Final = "file"
_MAKERS: Final[dict[str, Maker]] = {**disguises.MAKERS, **joined.MAKERS}
_GIANT_CODECS: Final = ("libx264", "mjpeg", "prores_ks", "libvpx", "libvpx-vp9", "mpeg1video", "mpeg2video")


def _bases(containers: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in RECIPES if container_of(name) in containers)


_GIANT_BASES: Final = tuple(name for name, recipe in RECIPES.items() if recipe.codec in _GIANT_CODECS)
_GROUPS: Final[tuple[tuple[str, str, dict[str, Damage], tuple[str, ...]], ...]] = (
    ("anywhere", "", anywhere.DAMAGES, tuple(RECIPES)),
    ("boxes", "mp4-", boxes.DAMAGES, _bases(boxes.CONTAINERS)),
    ("tables", "mp4-", tables.DAMAGES, _bases(boxes.CONTAINERS)),
    ("fragments", "mp4-", tables.FRAGMENT_DAMAGES, ("mp4-fragments",)),
    ("elements", "mkv-", ebml.DAMAGES, _bases(ebml.CONTAINERS)),
    ("units", "", units.DAMAGES, _bases(units.CONTAINERS)),
    ("packets", "", packets.DAMAGES, tuple(RECIPES)),
    ("giants", "", giants.DAMAGES, _GIANT_BASES),
)
_DAMAGES: Final[dict[str, tuple[Damage, tuple[str, ...]]]] = {
    prefix + name: (damage, bases) for _, prefix, damages, bases in _GROUPS for name, damage in damages.items()
}
FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    **{family: tuple(prefix + name for name in damages) for family, prefix, damages, _ in _GROUPS},
    "disguises": tuple(disguises.MAKERS),
    "joined": tuple(joined.MAKERS),
}
"""Kinds of damage that are alike."""
KINDS: Final = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
_SUFFIXES: Final = (*sorted({suffix_of(name) for name in RECIPES}), ".m3u8", ".ffconcat", ".png", ".txt", ".sdp", "")
_NAMES: Final = ("clip", "../../../etc/passwd", "фильм 影片", "a\"b'c;d", "concat:a|b", "%s%n", "-i", "x" * 300, "a\nb")


@dataclass(frozen=True)
class Case:
    """One damaged file.

    Attributes:
        base: which sound file it was; FROM_NOTHING for what was never sound.
        kind: what was done to it.
        number: seed of the chance in it.
    """

    base: str
    kind: str
    number: int

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.base}.{self.kind}.{self.number}"

    @classmethod
    def named(cls, name: str) -> "Case":
        """The case of that name; ValueError when there is none."""
        base, _, rest = name.partition(".")
        kind, _, number = rest.partition(".")
        known = base in _DAMAGES[kind][1] if kind in _DAMAGES else kind in _MAKERS and base == FROM_NOTHING
        if not known or not number.isdigit():
            raise ValueError(f"{name} is no case; a case is BASE.KIND.NUMBER, such as mp4.flip-few.17")
        return cls(base, kind, int(number))

    def data(self) -> bytes:
        """The file."""
        random = Random(self.name)
        if self.kind in _MAKERS:
            return _MAKERS[self.kind](random)
        return _DAMAGES[self.kind][0](seed_file(self.base), random)

    def file_name(self) -> str:
        """What the client says that the file is called: often the truth, often not."""
        random = Random(f"{self.name} is called")
        usual = ".mp4" if self.base == FROM_NOTHING else suffix_of(self.base)
        stem = random.choice(_NAMES) if random.random() < 0.3 else self.kind
        return stem + (usual if random.random() < 0.6 else random.choice(_SUFFIXES))


def plan(count: int, seed: int = 0, kinds: Sequence[str] = KINDS) -> Iterator[Case]:
    """``count`` cases: every kind of damage as often as every other, and each goes through all its containers.

    The order is mixed, so that the first cases already tell of everything.
    """
    order = list(kinds)
    Random(seed).shuffle(order)
    turn = Random(f"{seed} bases")
    rows = {kind: _row(kind, turn) for kind in order}
    for number in range(count):
        kind = order[number % len(order)]
        row = rows[kind]
        yield Case(row[number // len(order) % len(row)], kind, seed * 1_000_000 + number)


def _row(kind: str, turn: Random) -> tuple[str, ...]:
    """The bases of a kind, each container once before one comes again, beginning anywhere."""
    if kind not in _DAMAGES:
        return (FROM_NOTHING,)
    waiting = list(_DAMAGES[kind][1])
    turn.shuffle(waiting)
    seen: dict[str, int] = {}
    rank: dict[str, int] = {}
    for base in waiting:
        rank[base] = seen[container_of(base)] = seen.get(container_of(base), 0) + 1
    return tuple(sorted(waiting, key=rank.__getitem__))
