import json

import numpy as np
import pytest

from model_core.assets import asset
from model_core.errors import ModelError
from model_core.media import frames


def test_the_listed_cuts_are_the_largest_changes_of_the_picture() -> None:
    cuts = json.loads(asset("demo/cuts.json").read_text())["cuts"]
    rgb = np.concatenate([batch.rgb for batch in frames(asset("demo/montage.mp4"), 25.0, 32)]).astype(np.float64)
    change = np.abs(np.diff(rgb, axis=0)).mean(axis=(1, 2, 3))
    order = np.argsort(change)[::-1]
    assert sorted((order[: len(cuts)] + 1) / 25) == pytest.approx(cuts)
    assert change[order[len(cuts) - 1]] > 3 * change[order[len(cuts)]]


def test_the_clip_is_small() -> None:
    assert asset("demo/montage.mp4").stat().st_size < 2_000_000


@pytest.mark.parametrize("name", ["demo/missing.mp4", "../errors.py"])
def test_a_missing_asset_is_named(name: str) -> None:
    with pytest.raises(ModelError, match=name):
        asset(name)
