"""Movement by optical flow: its direction and size, what comes between batches, and stillness."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from model_core.encoders.motion import GRID, HALF, WEIGHT, MotionDis

SIDE = MotionDis.size
CANVAS = gaussian_filter(np.random.default_rng(0).normal(size=(2 * SIDE, 2 * SIDE)), 3)
CANVAS = np.uint8(255 * (CANVAS - CANVAS.min()) / np.ptp(CANVAS))


def view(row: int, column: int) -> NDArray[np.uint8]:
    """A window of a smooth noise canvas as a grey picture."""
    window = CANVAS[row : row + SIDE, column : column + SIDE]
    return np.repeat(window[..., None], 3, axis=2)


@pytest.mark.parametrize(("down", "right"), [(0, 3), (3, 0), (-2, -4)])
def test_what_moves_has_its_direction_and_a_length_that_levels_off(down: int, right: int) -> None:
    # The window moves the other way, so that what is seen in it moves down and right.
    moved = MotionDis().embed(np.stack([view(50 - down, 50 - right)]), previous=view(50, 50))
    assert moved.shape == (1, 2 * GRID**2)
    inner = (
        moved.reshape(GRID, GRID, 2)[1:-1, 1:-1].reshape(-1, 2).mean(axis=0)
    )  # in from the edges, where things enter
    speed = np.hypot(down, right) / SIDE
    expected = WEIGHT / GRID * speed / (HALF + speed) * np.array([right, down]) / np.hypot(down, right)
    np.testing.assert_allclose(inner, expected, atol=0.1 * float(np.linalg.norm(expected)))


def test_everything_moving_fast_is_as_long_as_the_weight_and_never_longer() -> None:
    far = MotionDis().embed(np.stack([view(0, 60), view(0, 0), view(90, 90)]), previous=view(0, 0))
    assert (np.linalg.norm(far, axis=1) < WEIGHT).all()
    assert np.linalg.norm(far[0]) > 0.3 * WEIGHT


def test_movement_is_found_in_its_cells() -> None:
    before, after = np.full((SIDE, SIDE, 3), 90, np.uint8), np.full((SIDE, SIDE, 3), 90, np.uint8)
    before[28:56, 28:56], after[28:56, 31:59] = view(0, 0)[:28, :28], view(0, 0)[:28, :28]
    length = np.linalg.norm(MotionDis().embed(after[None], before).reshape(GRID, GRID, 2), axis=-1)
    assert length[2:4, 2:4].min() > 3 * length[:, 6:].max()
    assert length[2:4, 2:4].min() > 3 * length[6:].max()


def test_a_still_picture_is_still_and_a_noisy_one_nearly() -> None:
    rng = np.random.default_rng(1)
    still = np.stack([view(40, 40)] * 6)
    assert not MotionDis().embed(still).any()
    noisy = np.clip(still + rng.normal(0, 6, still.shape), 0, 255).astype(np.uint8)
    assert np.linalg.norm(MotionDis().embed(noisy), axis=1).max() < 0.1 * WEIGHT


def test_batches_joined_by_the_picture_before_are_one_run() -> None:
    pictures = np.stack([view(20 + 2 * n, 20 + n * n % 7) for n in range(9)])
    whole = MotionDis().embed(pictures)
    encoder = MotionDis()
    parts = [encoder.embed(pictures[:1]), encoder.embed(pictures[1:5], pictures[0])]
    encoder.embed(pictures[::-1])  # another video in between leaves nothing behind
    parts.append(encoder.embed(pictures[5:], pictures[4]))
    np.testing.assert_array_equal(np.concatenate(parts)[1:], whole[1:])
    np.testing.assert_array_equal(whole[0], whole[1])  # the first is taken to have moved like the second
    assert not parts[0].any()


def test_no_pictures_give_no_features() -> None:
    none = np.empty((0, SIDE, SIDE, 3), np.uint8)
    assert MotionDis().embed(none).shape == (0, 2 * GRID**2)
    assert MotionDis().embed(none, view(0, 0)).shape == (0, 2 * GRID**2)


def test_other_shapes_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="rgb must be uint8 of shape"):
        MotionDis().embed(np.zeros((1, 224, 224, 3), np.uint8))
    with pytest.raises(ValueError, match="previous must be uint8 of shape"):
        MotionDis().embed(np.zeros((1, SIDE, SIDE, 3), np.uint8), np.zeros((1, SIDE, SIDE, 3), np.uint8))
