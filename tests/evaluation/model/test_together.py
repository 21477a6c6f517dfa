"""Work that is done at once comes back in order, and leaves torch as it was."""

import pytest
import torch

from model_core.evaluation.model.takes import at_once


def test_results_come_in_the_order_of_the_items() -> None:
    threads = torch.get_num_threads()
    assert at_once(lambda item: (item * item, torch.get_num_threads()), range(50)) == [(i * i, 1) for i in range(50)]
    assert torch.get_num_threads() == threads


def test_what_fails_is_raised_and_torch_has_its_threads_back() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        at_once(lambda item: 1 // item, [1, 0])
    assert torch.get_num_threads() == threads
