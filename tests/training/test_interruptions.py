"""Tests of signals during `fit`."""

import os
import signal

import pytest

from keras_igpt.training.interruptions import Interruption


class Model:
    stop_training = False


def test_signal_stops_after_the_step():
    interruption = Interruption()
    interruption.set_model(Model())
    with interruption.awaited():
        interruption.on_train_batch_end(0)
        assert not interruption.model.stop_training
        os.kill(os.getpid(), signal.SIGTERM)
        interruption.on_train_batch_end(1)
    assert interruption.model.stop_training
    assert interruption.received == signal.SIGTERM


def test_second_signal_ends_at_once(heard):
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt), interruption.awaited():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with Interruption().awaited():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
