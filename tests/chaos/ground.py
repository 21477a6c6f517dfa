"""What every scenario is given: stacks, the tally, and a way to say what happens."""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import httpx
from redis.exceptions import RedisError

from tests.chaos.stack import Stack, short_folder
from tests.chaos.verdict import Tally, judge
from tests.video_factory import make_clip

_SHORT: Final[dict[str, Any]] = {"heartbeat_s": 0.2, "maintenance_s": 1}
_TAIL_LINES: Final = 60


class Ground:
    """One run of scenarios.

    Attributes:
        tally: what came of it.
        random: for what is left to chance, from a seed that is told.
        model: whether the real worker with the real model is hurt instead of the one without.
    """

    def __init__(self, seed: int = 0, *, model: bool = False, talks: bool = False) -> None:
        self.tally = Tally()
        self.random = random.Random(seed)
        self.model = model
        self._talks = talks

    def say(self, what: str) -> None:
        """One line of what is being done."""
        if self._talks:
            print(f"{time.strftime('%H:%M:%S')}   {what}", file=sys.stderr, flush=True)

    @contextmanager
    def stack(
        self, name: str, *, quick: bool = True, folder: Path | None = None, inside: Sequence[str] = (), **settings: Any
    ) -> Iterator[Stack]:
        """A stack to hurt, which is judged at the end. ``quick``: with short intervals instead of the default ones."""
        with nullcontext(folder) if folder else short_folder() as folder:
            clip = make_clip(folder / "clip.mp4", duration=1.0, fps=12, size=(64, 48), audio=True)
            given = {**(_SHORT if quick else {}), **settings}
            stack = Stack(folder, clip, model=self.model, settings=given, inside=inside)
            try:
                yield stack
                self.say("waiting for everything to settle")
                judge(stack, name, self.tally)
            except (AssertionError, RedisError, httpx.HTTPError) as error:
                self.tally.add("lost", f"{name}: {type(error).__name__}: {error}")
                self.say("its last words:\n" + "".join(list(stack.log)[-_TAIL_LINES:]))
            finally:
                stack.abandon()
