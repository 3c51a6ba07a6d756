"""``python -m benchmarks.busy_neighbour``: one and two torch threads, alone and beside a busy process.

OpenMP's threads wait for each other by spinning unless they are told to sleep. With as many busy processes as cores
the one that spins takes the time of the one that it waits for. ``import supervised`` asks for sleep
(``OMP_WAIT_POLICY``), if nobody has said otherwise; here both are measured, each in a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.common import JsonOption, command, publish, table

_WORK = """
import json, sys, time
from benchmarks.common.timing import advance, make_trainer
import torch
threads, steps = map(int, sys.argv[1:])
trainer = make_trainer()
torch.set_num_threads(threads)
advance(trainer, 3)
began = time.perf_counter()
advance(trainer, steps)
print(json.dumps(steps / (time.perf_counter() - began)))
"""


@dataclass(frozen=True)
class BusyNeighbour(JsonOption):
    """Steps a second of supervised.train with one and two threads, alone and with busy processes beside it."""

    steps_timed: int = 40
    """Training steps of one timing."""
    timings: int = 3
    """Timings of each row, in turns; the median counts."""
    neighbours: int = 1
    """Busy processes."""


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Processes that compute without end, as long as the context lasts."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def steps_a_second(threads: int, wait: str, steps: int) -> float:
    """Of a training in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", _WORK, str(threads), str(steps)],
        env={**environment, "OMP_WAIT_POLICY": wait},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def main(config: BusyNeighbour) -> None:
    """Measure and print."""
    import statistics

    kinds = [(threads, wait) for threads in (1, 2) for wait in ("PASSIVE", "ACTIVE")]
    found: dict[tuple[int, str, int], list[float]] = {}
    for _ in range(config.timings):
        for neighbours in (0, config.neighbours):
            with busy(neighbours):
                for threads, wait in kinds:
                    rate = steps_a_second(threads, wait, config.steps_timed)
                    found.setdefault((threads, wait, neighbours), []).append(rate)
    median = {key: statistics.median(rates) for key, rates in found.items()}
    view = table(
        f"training steps/s on {os.cpu_count()} cores",
        ("threads", "waiting", "alone", "beside", "lost"),
        left=("waiting",),
    )
    rows = []
    for threads, wait in kinds:
        alone, beside = median[threads, wait, 0], median[threads, wait, config.neighbours]
        rows.append({"threads": threads, "wait": wait, "alone": alone, "beside": beside})
        view.add_row(str(threads), wait.lower(), f"{alone:.1f}", f"{beside:.1f}", f"{alone / beside:.1f} x")
    publish(config, {"rows": rows}, view)


if __name__ == "__main__":
    command(BusyNeighbour, main, "busy_neighbour")
