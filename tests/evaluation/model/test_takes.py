"""Tests of parallel work: results in order, torch as it was before."""

import pytest
import torch

from model_core.evaluation.model.takes import run_parallel


def test_results_come_in_the_order_of_the_items() -> None:
    threads = torch.get_num_threads()
    assert run_parallel(lambda item: (item * item, torch.get_num_threads()), range(50)) == [
        (i * i, 1) for i in range(50)
    ]
    assert torch.get_num_threads() == threads


def test_what_fails_is_raised_and_torch_has_its_threads_back() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        run_parallel(lambda item: 1 // item, [1, 0])
    assert torch.get_num_threads() == threads
