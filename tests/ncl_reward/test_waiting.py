"""Torch's threads sleep while they wait for each other, unless somebody has said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SAY = "import sys, os, {package}; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"


@pytest.mark.parametrize("package", ["ncl_reward", "supervised", "agents"])
@pytest.mark.parametrize(("asked", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_before_torch_is_loaded(package: str, asked: str | None, policy: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", SAY.format(package=package)],
        env=environment | ({} if asked is None else {"OMP_WAIT_POLICY": asked}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [policy, "False"]
