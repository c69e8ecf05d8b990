"""PyTorch's number of threads belongs to the thread that asks for another one."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from pdenet.likelihood.fit.workers import Workers
from pdenet.threads import own_threads, set_own_threads, threads_for


@pytest.fixture(autouse=True)
def two():
    """Two threads, in this thread and in every new one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def elsewhere(work):
    """What it returns in a new thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_others_keep_their_number():
    with own_threads(1):
        assert torch.get_num_threads() == 1
        assert elsewhere(torch.get_num_threads) == 2
    assert (torch.get_num_threads(), elsewhere(torch.get_num_threads)) == (2, 2)


def test_the_number_is_put_back_after_an_error():
    with pytest.raises(ValueError), own_threads(1):
        raise ValueError
    assert torch.get_num_threads() == 2


def test_a_thread_may_have_a_number_of_its_own():
    def work():
        set_own_threads(3)
        return torch.get_num_threads()

    assert elsewhere(work) == 3
    assert (torch.get_num_threads(), elsewhere(torch.get_num_threads)) == (2, 2)


@pytest.mark.parametrize(("values", "count"), [(100, 1), (2**21, 2)])
def test_small_operations_get_one_thread(values, count):
    with threads_for(values, torch.device("cpu")):
        assert torch.get_num_threads() == count


def test_two_refinements_at_once_leave_the_number_as_it_was():
    """They overlap in every way: both have begun before either ends."""
    both = Barrier(2)

    def work():
        with Workers.of(torch.device("cpu"), 2) as workers:
            both.wait(timeout=60)
            inside = workers.map(lambda piece: torch.get_num_threads(), [slice(0)] * 4)
            both.wait(timeout=60)
        return inside, torch.get_num_threads()

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(work) for _ in range(2)]
        assert [each.result() for each in found] == [([1, 1, 1, 1], 2)] * 2
    assert (torch.get_num_threads(), elsewhere(torch.get_num_threads)) == (2, 2)
