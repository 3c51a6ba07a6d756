"""Ctrl-C and SIGTERM that let work end at a good place."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from bracket_env.interrupts import STOPS, heard, interrupt


class GracefulInterrupt:
    """Within the context the first Ctrl-C or SIGTERM only sets :attr:`requested`; the second one interrupts at once.

    Args:
        notify: called at the first one.
    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self.requested = False
        self._notify = notify

    def __enter__(self) -> GracefulInterrupt:
        # Only the main thread may install handlers; elsewhere Ctrl-C is somebody else's business.
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = {number: signal.signal(number, self._handle) for number in STOPS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._main:
            for number, handler in self._before.items():
                if handler is not None:  # one that C code installed cannot be put back
                    signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not heard(number):
            return
        if self.requested:
            interrupt(frame)
        self.requested = True
        self._notify()
