"""The scenarios by name."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.chaos.ground import Ground
from tests.chaos.scenarios.api import api_killed, api_killed_amid_retries
from tests.chaos.scenarios.cancels import cancels
from tests.chaos.scenarios.disks import disks
from tests.chaos.scenarios.kills import kills
from tests.chaos.scenarios.poison import poison
from tests.chaos.scenarios.real_model import model_killed
from tests.chaos.scenarios.redis_out import outages_beyond_the_lease, redis_out, stop_while_redis_is_out
from tests.chaos.scenarios.terms import terms
from tests.chaos.scenarios.time_outs import time_outs
from tests.chaos.scenarios.workers import many_workers, paused_workers

Scenario = Callable[[Ground], None]


def _named(*scenarios: Scenario) -> Mapping[str, Scenario]:
    return {scenario.__name__: scenario for scenario in scenarios}


ALL: Final = _named(
    kills, poison, redis_out, outages_beyond_the_lease, stop_while_redis_is_out, disks, cancels, time_outs,
    many_workers, paused_workers, api_killed, api_killed_amid_retries, terms,
)  # fmt: skip
WITH_MODEL: Final = _named(model_killed)
