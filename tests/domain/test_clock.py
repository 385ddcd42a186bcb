"""Clocks: what "now" is in live, scaled and as-fast-as-possible runs."""

from __future__ import annotations

import threading
import time

import pytest

from monitor.domain import Clock, JumpingClock, MonotonicClock, PacedClock, ScaledClock


@pytest.fixture(params=["monotonic", "scaled", "slow", "jumping", "paced", "held"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: dict[str, Clock] = {
        "monotonic": MonotonicClock(),
        "scaled": ScaledClock(50.0),
        "slow": ScaledClock(0.5),
        "jumping": JumpingClock(),
        "paced": PacedClock(50.0),
        "held": PacedClock(0.0),
    }
    return made[request.param]


def test_waiting_ends_at_or_after_the_time_and_never_turns_back(clock: Clock) -> None:
    """The one promise that acquisition rests on, for every clock."""
    start = clock.now()
    clock.sleep_until(start + 0.02)
    assert clock.now() >= start + 0.02
    later = clock.now()
    clock.sleep_until(start)  # the past: no wait, no way back
    assert clock.now() >= later


def test_a_scaled_clock_waits_less_real_time() -> None:
    """A minute of the printer at 10000 × takes at least 6 ms, and the clock then says a minute."""
    clock = ScaledClock(10_000.0)
    began = time.monotonic()
    clock.sleep_until(60.0)
    assert time.monotonic() - began >= 0.005
    assert clock.now() >= 60.0


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_clock_that_stands_still_is_refused(speed: float) -> None:
    """Whoever waits on it would wait for ever."""
    with pytest.raises(ValueError, match="above zero"):
        ScaledClock(speed)


def test_a_jumping_clock_moves_by_waiting_alone() -> None:
    """A day passes at once, and nothing moves between two waits."""
    clock = JumpingClock()
    clock.sleep_until(86_400.0)
    assert clock.now() == 86_400.0
    time.sleep(0.002)
    assert clock.now() == 86_400.0


def test_threads_on_a_jumping_clock_agree() -> None:
    """Whatever the order of their waits, the time is the latest that any of them waited for."""
    clock = JumpingClock()
    threads = [
        threading.Thread(target=lambda k=k: [clock.sleep_until(float(t)) for t in range(k, 4000, 4)]) for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now() == 3999.0


def test_who_waits_on_a_paced_clock_waits_on_at_the_new_speed() -> None:
    """An hour at 1 × ends at once when the clock is told to jump; time goes on from there and never turns back."""
    clock = PacedClock(1.0)
    waiting = threading.Thread(target=clock.sleep_until, args=(3600.0,))
    waiting.start()
    clock.set_speed(0.0)
    waiting.join(5)
    assert not waiting.is_alive()
    assert clock.now() == 3600.0
    clock.set_speed(2.0)
    assert 3600.0 <= clock.now() < 3700.0
    with pytest.raises(ValueError, match="below zero"):
        clock.set_speed(-1.0)
