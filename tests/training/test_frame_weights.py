"""Frames under a peak of the curve count more, where the model is given that curve."""

import torch

from model_core.curves.event_curve import PULSE_SCALE
from model_core.flow.conditioning import add_given_flag
from model_core.training.train_flow import frame_weights


def test_frames_under_a_peak_count_threefold() -> None:
    unknown = torch.tensor([[True, True, False, True], [True, True, True, True]])
    curve = torch.zeros(2, 8, 4)
    curve[0, 3, 1] = PULSE_SCALE
    curve[0, :, 2] = PULSE_SCALE
    curve[0, 5, 3] = PULSE_SCALE / 2
    expected = torch.tensor([[1.0, 3.0, 0.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
    torch.testing.assert_close(frame_weights(unknown, add_given_flag(curve)), expected)


def test_without_a_curve_all_frames_are_alike() -> None:
    unknown = torch.tensor([[True, False]])
    torch.testing.assert_close(frame_weights(unknown, None), torch.tensor([[1.0, 0.0]]))
    withheld = add_given_flag(torch.ones(1, 8, 2)) * 0
    torch.testing.assert_close(frame_weights(unknown, withheld), torch.tensor([[1.0, 0.0]]))
