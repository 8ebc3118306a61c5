"""One key press is one wish; a second one insists."""

import os
import signal

import pytest

from tests.waiting import wait_until
from veilgate.cli import stop_signals
from veilgate.cli.stop_signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_of_the_signals_asks(number: int) -> None:
    signals = StopSignals()
    with signals.listening():
        assert not signals.asked
        os.kill(os.getpid(), number)
        wait_until(lambda: signals.asked, timeout_s=5, what="the signal")
    assert not signals.insisted


def test_the_same_key_press_delivered_twice_does_not_insist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_signals, "ONE_WISH_S", 3600)
    signals = StopSignals()
    with signals.listening():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert signals.asked
    assert not signals.insisted


def test_a_second_key_press_insists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_signals, "ONE_WISH_S", -1)
    signals = StopSignals()
    with signals.listening():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert signals.insisted


def test_a_second_sigterm_does_not_insist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_signals, "ONE_WISH_S", -1)
    signals = StopSignals()
    with signals.listening():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert not signals.insisted


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals().listening():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
