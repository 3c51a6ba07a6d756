"""Ctrl-C that lets work end at a good place."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class GracefulInterrupt:
    """Within the context the first Ctrl-C only sets :attr:`requested`; the second one interrupts at once.

    Args:
        notify: called at the first Ctrl-C.
    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self.requested = False
        self._notify = notify

    def __enter__(self) -> GracefulInterrupt:
        # Only the main thread may install handlers; elsewhere Ctrl-C is somebody else's business.
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self._notify()
