"""One torch thread, and property tests that neither race the clock nor differ from run to run."""

from __future__ import annotations

import os

from hypothesis import settings

# Before anything imports torch, and inherited by subprocesses: several test workers share few cores.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
