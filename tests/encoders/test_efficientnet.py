"""The picture encoder against its stored reference and the properties the event curve relies on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.encoders.efficientnet import BATCH, EfficientNetLite0

COLUMNS = [113, 226, 287, 423, 455, 512, 897]
REFERENCE = [[4.565, 4.087, 3.58, 4.176, 3.96, 3.255, 4.764], [4.819, 0.928, 4.076, 0.651, 2.303, 2.261, 2.955]]


@pytest.fixture(scope="module")
def encoder() -> EfficientNetLite0:
    return EfficientNetLite0()


def picture(kind: int) -> NDArray[np.uint8]:
    """Waves whose direction, width and colours depend on `kind`; exact in integers, so the same everywhere."""
    y, x = np.mgrid[:224, :224]
    channels = [(x * (kind + 1) + y * (c + kind)) % (32 + 40 * c) * 255 // (31 + 40 * c) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_features_match_the_stored_reference(encoder: EfficientNetLite0) -> None:
    """Computed with torch in float32 from the package's weights; the file holds them in float16."""
    features = encoder.embed(np.stack([picture(0), picture(1)]))
    assert features.shape == (2, 1280)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, COLUMNS], REFERENCE, atol=0.05)


def test_a_picture_has_the_same_features_alone_and_in_any_batch(encoder: EfficientNetLite0) -> None:
    pictures = np.stack([picture(kind) for kind in range(BATCH + 3)])
    together = encoder.embed(pictures)
    alone = np.concatenate([encoder.embed(pictures[i : i + 1]) for i in range(len(pictures))])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_array_equal(together, encoder.embed(pictures))


def test_another_picture_is_farther_than_a_noisy_copy(encoder: EfficientNetLite0) -> None:
    noise = np.random.default_rng(0).integers(-3, 4, (224, 224, 3))
    noisy = np.clip(picture(0) + noise, 0, 255).astype(np.uint8)
    here, copy, other = encoder.embed(np.stack([picture(0), noisy, picture(2)]))
    assert cosine(here, copy) > 0.85
    assert cosine(here, other) < 0.6


def test_no_pictures_give_no_features(encoder: EfficientNetLite0) -> None:
    assert encoder.embed(np.empty((0, 224, 224, 3), np.uint8)).shape == (0, 1280)


@pytest.mark.parametrize(
    "pictures",
    [np.zeros((1, 224, 224, 3), np.float32), np.zeros((1, 3, 224, 224), np.uint8), np.zeros((224, 224, 3), np.uint8)],
    ids=["float", "channels first", "no batch"],
)
def test_other_shapes_and_types_are_refused(encoder: EfficientNetLite0, pictures: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="uint8 of shape"):
        encoder.embed(pictures)
