"""``python -m supervised.runs``: list, plot and remove runs and studies of both families."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bracket_env.command import run
from supervised.runs.options import PROG, ListRuns, ListStudies, PlotRuns, RemoveRuns, RemoveStudies, asked_for


def list_runs(config: ListRuns) -> None:
    """Print the table."""
    from supervised.runs.listing import show_runs

    wanted = {"kind": config.kind, "arch": config.arch, "task": config.setting}
    show_runs(
        config.runs_dir, sort=config.sort, name=config.name, wanted=wanted, least=config.min_exact, json=config.json
    )


def plot_runs(config: PlotRuns) -> None:
    """Draw the picture."""
    from supervised.runs.comparing import plot_together

    plot_together(config.runs, config.runs_dir, config.out, measure=config.measure, x=config.x)


def remove_runs(config: RemoveRuns) -> None:
    """Move runs to the trash."""
    from supervised.runs.trash import RUN_FILES, remove

    remove(config.runs, config.runs_dir, files=RUN_FILES, yes=config.yes, what="run")


def list_studies(config: ListStudies) -> None:
    """Print the table."""
    from supervised.study.storages.listing import show_studies

    show_studies(config.studies_dir, sort=config.sort, connect=config.connect, json=config.json)


def remove_studies(config: RemoveStudies) -> None:
    """Move studies to the trash."""
    from supervised.runs.trash import STUDY_FILES, remove

    remove(config.studies, config.studies_dir, files=STUDY_FILES, yes=config.yes, what="study")


def main(argv: Sequence[str]) -> int:
    """What the first words ask for; without any, the list of runs."""
    asked, words, rest = asked_for(argv)
    prog = " ".join([PROG, *words])
    if asked is PlotRuns:
        return run(PlotRuns, plot_runs, prog=prog, argv=rest)
    if asked is RemoveRuns:
        return run(RemoveRuns, remove_runs, prog=prog, argv=rest)
    if asked is ListStudies:
        return run(ListStudies, list_studies, prog=prog, argv=rest)
    if asked is RemoveStudies:
        return run(RemoveStudies, remove_studies, prog=prog, argv=rest)
    return run(ListRuns, list_runs, prog=prog, argv=rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
