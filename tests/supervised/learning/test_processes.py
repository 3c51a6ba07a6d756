"""Two processes on the CPU compute what one does at the same global batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

WORKER = """
import sys
import safetensors.torch, torch
from accelerate import Accelerator
from bracket_env.sampling.settings import get_setting
from supervised.data.batches import Batches, StreamSource
from supervised.learning.trainer import Trainer
from supervised.learning.objective import NextToken
from supervised.train.check import check
from supervised.train.options import Train
torch.set_num_threads(1)
sizes = {"units": 8} if sys.argv[1] == "gru" else {"width": 8, "heads": 2}
sizes |= {"batch_size": 9, "micro_batch": 2, "steps": 20, "warmup_steps": 5}
config = Train(arch=sys.argv[1], loss=sys.argv[2], setting="bracket/CloseTiny-v0", **sizes)
torch.manual_seed(0)
source = StreamSource(get_setting(config.setting).sampler(split="train"), 0)
accelerator = Accelerator(cpu=True)
objective = NextToken(everywhere=config.loss == "all")
trainer = Trainer(config, check(config).build(), Batches(source, config.batch_size, 0), objective, accelerator, seed=0)
assert trainer.sound() and trainer.advance()
found = {f"gradient.{n}": p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
found["loss"] = torch.tensor(trainer.loss_sum)
while trainer.step < 20:
    assert trainer.advance()
found |= {f"weight.{n}": t.clone() for n, t in trainer.model.state_dict().items()}
if accelerator.is_main_process:
    safetensors.torch.save_file(found, sys.argv[3])
trainer.close()
"""


def train(path: Path, arch: str, loss: str, processes: int) -> dict[str, torch.Tensor]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes)}
    alone = {"ACCELERATE_USE_CPU": "true"}
    workers = []
    for rank in range(processes):
        environment = shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else os.environ | alone
        command = [sys.executable, "-c", WORKER, arch, loss, str(path)]
        workers.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for worker in workers:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors
    return safetensors.torch.load_file(path)


@pytest.mark.slow
@pytest.mark.parametrize(("arch", "loss"), [("gru", "answer"), ("transformer", "all"), ("bert", "answer")])
def test_two_processes_are_one(arch: str, loss: str, tmp_path: Path) -> None:
    one, two = (train(tmp_path / str(n), arch, loss, n) for n in (1, 2))
    assert one.keys() == two.keys()
    for name in one:
        assert torch.allclose(one[name], two[name], rtol=0, atol=1e-5), name
