"""One torch thread, empty caches, and property tests that neither race the clock nor differ from run to run."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile

import pytest
from hypothesis import settings

# Before anything imports torch, and inherited by subprocesses: several test workers share few cores.
os.environ["OMP_NUM_THREADS"] = "1"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so, and what ignores Ctrl-C hands that on to what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

CACHES = ("BRACKETGYM_CACHE", "HF_HOME", "HF_HUB_CACHE", "MPLCONFIGDIR", "TORCH_HOME")
"""What takes the place of a folder below ``XDG_CACHE_HOME``."""


def pytest_configure(config: pytest.Config) -> None:
    """Every run begins with empty caches, which its workers and their subprocesses share.

    What a machine has gathered before would hide what a fresh one pays, and what is missing there.
    """
    if hasattr(config, "workerinput"):
        return
    caches = tempfile.TemporaryDirectory(prefix="bracketgym-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(caches.cleanup)
    for name in CACHES:
        os.environ.pop(name, None)
    os.environ["XDG_CACHE_HOME"] = caches.name
    # Each of the many subprocesses would compile the packages again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection_finish() -> None:
    """What the imports left is not looked at by the garbage collector again."""
    gc.collect()
    gc.freeze()
