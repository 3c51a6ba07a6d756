"""Compresses a run: distil, prune, quantise, export, whichever are asked for, then measure and write.

Nothing is written before everything is measured and checked, and then the run folder appears at once. Its record
(``best_model_metadata.json``) has under ``compression`` one entry for each command that led to it, the first one first:
the run it started from, the digest of that run's weights, and the steps with their figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console

from bracket_env import BracketTokenizer, InputError
from bracket_env.atomic import write_bytes, write_json
from bracket_env.random_streams import key
from supervised.compress.check import Plan, check
from supervised.compress.distillation import AnsweredBatches, Distillation
from supervised.compress.fine_tuning import train_further
from supervised.compress.measure import Candidate, measured, show, slowdowns, sparsity
from supervised.compress.onnx.check import compare
from supervised.compress.onnx.export import export
from supervised.compress.options import Compress
from supervised.compress.pruning import Masks, cubic_sparsity
from supervised.compress.quantization import quantized_weights
from supervised.compress.structured import remove_units
from supervised.data.batches import Batches, StreamSource
from supervised.learning.devices import choose_device
from supervised.learning.display import print_line
from supervised.learning.figures import completion_figures
from supervised.models import SequenceModel
from supervised.options.groups import Optimiser, Training
from supervised.runs import WEIGHTS, ModelSolver, RunConfig, RunFolder, load, load_best, model_of
from supervised.runs.files.evaluation_result import write_evaluation_result
from supervised.runs.files.weights import pack, unpack
from supervised.train.further import cases_seen, further_examples

_MASK_EVERY = 10  # steps between two new masks of a gradual pruning


def compress(config: Compress, command: Sequence[str], console: Console | None = None) -> RunFolder | None:
    """Compress, measure, print and write.

    Args:
        command: what was typed, for the record.
        console: where progress and tables go, standard output by default.

    Returns:
        The new run; None when only an ONNX file was asked for.

    Raises:
        InputError: see :func:`supervised.compress.check.check`; a run whose weights are missing, damaged or
            sparser than asked for; divergence; an ONNX file that computes something else; a full disk. The source run
            is untouched and no run folder is there.
    """
    console = console or Console()
    plan = check(config)
    torch.set_num_threads(config.threads)
    return _Compression(config, plan, console).make(command)


class _Compression:
    """One command: the model as it is so far, its configuration, and what was done to it."""

    def __init__(self, config: Compress, plan: Plan, console: Console) -> None:
        self.config, self.plan, self.console = config, plan, console
        self.device = choose_device(config.device)
        self.run: RunConfig = plan.run
        self.record = plan.source.best_metadata()
        self.model: SequenceModel = load_best(plan.source, device=self.device, floats=True)
        self.tokenizer = BracketTokenizer(plan.run.language)
        self.validation = plan.setting.evaluation_cases("validation", config.eval_cases, pairs=plan.pairs)
        self.steps: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []

    def make(self, command: Sequence[str]) -> RunFolder | None:
        """Everything, in order."""
        config, plan = self.config, self.plan
        if config.distill_to is None and config.prune is not None and not config.structured:
            zeros = sparsity(self.model)
            if zeros > config.prune:
                raise InputError(f"--prune {config.prune:g}: {plan.source.path} has {zeros:.1%} zeros already")
        if config.distill_to is not None:
            self._distil()
        if config.prune is not None:
            self._prune(config.prune)
        self.model.cpu()
        packed = self._packed()
        stored = unpack(packed)
        floats = model_of(self.run, stored, floats=True)
        onnx = None
        if config.onnx is not None:
            onnx = self._exported(floats)
        folder = None
        if plan.name is not None:
            folder = self._written(plan.name, packed, model_of(self.run, stored), floats, command)
        if config.onnx is not None and onnx is not None:
            write_bytes(config.onnx, onnx)
            self._print(f"{config.onnx}: {len(onnx) / 1000:.1f} kB")
        return folder

    def _distil(self) -> None:
        """A student in the model's place."""
        config, teacher, masked = self.config, self.model.eval(), self.run.masked
        sampler = self.plan.setting.sampler(split="train", pairs=self.run.pairs)
        prompts = Batches(
            StreamSource(sampler, key(config.seed, "supervised/compress/unlabelled")), config.batch_size, config.seed
        )
        torch.manual_seed(key(config.seed, "supervised/weights") >> 1)
        student = self.run.build().to(self.device)
        size = sum(p.numel() for p in student.parameters())
        self._print(f"distilling {self.plan.source.name} into a {self.run.architecture} of {size:,} parameters")
        options = Training(**self._training(config.distill_steps), seed=config.seed)
        answered = AnsweredBatches(prompts, teacher, self.tokenizer, masked=masked)
        objective = Distillation(teacher, temperature=config.distill_temperature, masked=masked)
        log = train_further(student, options, answered, objective, self._figures, self.console)
        self.model = student
        self._note("distil", log, steps=config.distill_steps, temperature=config.distill_temperature)

    def _prune(self, share: float) -> None:
        """Zeros in the model, or a smaller one in its place, and fine-tuning."""
        config, steps = self.config, self.config.fine_tune_steps
        if config.structured:
            self.model, self.run = remove_units(self.model.cpu(), self.run, share)
            self.model.to(self.device)
            size = sum(p.numel() for p in self.model.parameters())
            self._print(f"{share:.0%} of the units removed: {size:,} parameters left")
            self._note("remove units", self._fine_tuned(steps) if steps else [], share=share, steps=steps)
            return
        scope, schedule = config.prune_scope or "global", config.prune_schedule or "gradual"
        masks = Masks(self.model)
        initial, until = masks.sparsity, 2 * steps // 3 if schedule == "gradual" else 0

        def after_step(step: int) -> None:
            if step == until or (step < until and step % _MASK_EVERY == 0):
                masks.prune(cubic_sparsity(step, steps=until, initial=initial, final=share), scope)
            else:
                masks.apply()

        self._print(f"pruning {share:.0%} of the weights, {schedule}, {scope}, with {steps:,} steps of fine-tuning")
        log = self._fine_tuned(steps, after_step, until) if steps else []
        if not steps:
            masks.prune(share, scope)
        self._note("prune", log, sparsity=share, scope=scope, schedule=schedule, steps=steps)

    def _fine_tuned(self, steps: int, after_step: Any = lambda step: None, ready_at: int = 0) -> list[dict[str, float]]:
        """Train the model on what comes after the cases that the run was trained on."""
        seen = cases_seen(self.plan.source.config)
        options, batches, objective = further_examples(self.run, seen, self._training(steps))
        return train_further(
            self.model,
            options,
            batches,
            objective,
            self._figures,
            self.console,
            after_step=after_step,
            ready_at=ready_at,
        )

    def _training(self, steps: int) -> dict[str, Any]:
        """Options that both kinds of training have."""
        config = self.config
        rate = {} if config.learning_rate is None else {"learning_rate": config.learning_rate}
        shared = {"steps": steps, "batch_size": config.batch_size, "eval_every": config.eval_every, **rate}
        return shared | {"warmup_steps": min(Optimiser.warmup_steps, steps // 10), "precision": "fp32"}

    def _figures(self, model: SequenceModel) -> dict[str, float]:
        """Of freely decoded answers to the validation cases."""
        return completion_figures(ModelSolver(model, self.tokenizer, masked=self.run.masked), self.validation)

    def _packed(self) -> bytes:
        """The content of the weights' file."""
        quantizer = self.config.quantize
        if quantizer is None:
            return pack(self.model.state_dict(), {})
        self._note("quantize", [], method=quantizer)
        compute = "int8" if quantizer == "int8-dynamic" else "float"
        return pack(self.model.state_dict(), quantized_weights(self.model), compute)  # type: ignore[arg-type]

    def _exported(self, model: SequenceModel) -> bytes:
        """The content of the ONNX file, which answers as the model does."""
        data = export(model, self.run.pairs, masked=self.run.masked)
        cases = self.plan.setting.evaluation_cases("test", self.config.eval_cases, pairs=self.plan.pairs)
        prefixes = [case.prefix for case in cases]
        agreement = compare(data, model, self.tokenizer, prefixes, masked=self.run.masked)
        agreement.require()
        self._print(
            f"onnxruntime and torch give the same answer to all {agreement.cases:,} test cases; "
            f"their logits differ by at most {agreement.largest_difference:.1e}"
        )
        return data

    def _written(
        self, name: str, packed: bytes, model: SequenceModel, floats: SequenceModel, command: Sequence[str]
    ) -> RunFolder:
        """Measure, write the run folder, print the table."""
        config, plan, source = self.config, self.plan, self.plan.source
        old, new = (
            load(source.path),
            ModelSolver(model, self.tokenizer, masked=self.run.masked, everywhere=self.run.options["loss"] == "all"),
        )
        candidates = [
            Candidate(source.name, old, load_best(source, floats=True), (source.path / WEIGHTS).stat().st_size),
            Candidate(name, new, floats, len(packed)),
        ]
        (before, after), cases = measured(candidates, plan.setting, plan.pairs, self.run.language, config.eval_cases)
        figures = self._figures(model)
        metadata = {
            "exact": figures["exact"],
            "share": figures["share"],
            "best_loss": figures["loss"],
            "split": "validation",
            "objective": self.run.options["loss"],
            "compression": [
                *self.record.get("compression", []),
                {"source": {"run": config.run, "sha256": self.record["sha256"]}, "steps": self.steps},
            ],
            "measured": after.to_json(),
        }

        def fill(folder: RunFolder) -> None:
            for entry in self.log:
                folder.log(entry)
            folder.save_best(floats, metadata, packed)
            write_evaluation_result(folder.path / "evaluation_result.txt", cases, after.scores.answers)

        folder = RunFolder.create(name, self.run, command, root=config.runs_dir, replace=config.force, fill=fill)
        warnings = slowdowns(before, after)
        if config.json is not None:
            task = {"setting": plan.setting.id, **({} if plan.pairs is None else {"pairs": list(plan.pairs)})}
            rows = {
                **task,
                "rows": [before.to_json(), after.to_json()],
                "warnings": warnings,
            }
            write_json(config.json, rows)
        show(before, after, plan.setting.called(plan.pairs), config.eval_cases, self.console)
        return folder

    def _note(self, step: str, log: Sequence[dict[str, float]], **figures: Any) -> None:
        """Note a step and the evaluations of its training."""
        self.steps.append({"step": step, "architecture": self.run.architecture, **figures})
        self.log += [{"phase": step, **entry} for entry in log]

    def _print(self, text: str) -> None:
        print_line(self.console, text)
