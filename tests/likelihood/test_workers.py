"""Work on several cores ends between two pieces, and whoever interrupts it does not wait."""

from threading import Event

import pytest
import torch

from pdenet.errors import StoppedError
from pdenet.likelihood.fit.workers import Workers

CPU = torch.device("cpu")
PIECES = [slice(k, k + 1) for k in range(20)]


def test_results_come_in_order():
    with Workers.of(CPU, 3) as workers:
        assert workers.map(lambda piece: piece.start, PIECES) == list(range(20))


def test_a_caller_stops_it_between_two_pieces():
    stop, done = Event(), []

    def work(piece):
        done.append(piece.start)
        if piece.start == 4:
            stop.set()

    with pytest.raises(StoppedError), Workers.of(CPU, 1, stop.is_set) as workers:
        workers.map(work, PIECES)
    assert done == [0, 1, 2, 3, 4]


def test_nothing_begins_after_the_end():
    with Workers.of(CPU, 1, lambda: True) as workers, pytest.raises(StoppedError):
        workers.map(lambda piece: pytest.fail("it began"), PIECES)


def test_the_error_of_a_piece_is_raised_and_its_pool_is_closed():
    def work(piece):
        if piece.start == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Workers.of(CPU, 2) as workers:
        workers.map(work, PIECES)
    with pytest.raises(RuntimeError, match="shutdown"):
        workers.map(work, PIECES)


def test_an_interrupt_does_not_wait_for_pieces_at_work():
    """The piece goes on for as long as it likes; those behind it never begin."""
    began, release, ended, begun = Event(), Event(), Event(), []

    def work(piece):
        begun.append(piece.start)
        began.set()
        release.wait(timeout=60)
        ended.set()

    def interrupted():
        """Pieces, the second of which is never had, because Ctrl-C comes first."""
        yield PIECES[0]
        assert began.wait(timeout=60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Workers.of(CPU, 1) as workers:
        workers.map(work, interrupted())
    assert not ended.is_set()
    release.set()
    assert ended.wait(timeout=60) and begun == [0]
