"""The commands that learn and use models: run, apply, lock and init. See `cli.py` for the rest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extval.validate.errors import InputError
from extval.validate.progress import progress

if TYPE_CHECKING:
    from extval.features.activation import ActivationMap
    from extval.validate.store import Results

    ReportWriter = Callable[[Results, Path], None]

StudyFile = Annotated[Path, typer.Argument(help="Study file (YAML); see docs/study-file.md.")]


@contextmanager
def _files() -> Iterator[None]:
    """Say which file cannot be read or written, where nothing nearer has said it."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise InputError(f"{error.filename}: {error.strerror}.") from error


def register(
    app: typer.Typer,
    report_writer: "Callable[[], ReportWriter]",
    say_done: "Callable[[Results, Path], None]",
    draw_activation: "Callable[[ActivationMap, Path], None]",
) -> None:
    """Add the commands to the command line, which hands in what writes a report."""

    @app.command()
    def run(
        study: StudyFile,
        out: Annotated[
            Path,
            typer.Option(
                "--out", help="Folder for the results; resumed if there.", show_default=False
            ),
        ],
        until: Annotated[
            str, typer.Option("--until", help="Last stage: features, models or report.")
        ] = "report",
        jobs: Annotated[
            int, typer.Option("--jobs", min=0, help="Processes; 0 means all. Results stay equal.")
        ] = 0,
        dask: Annotated[
            str | None, typer.Option("--dask", help="Address of a dask scheduler to extract on.")
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace earlier results.")] = False,
        no_report: Annotated[bool, typer.Option("--no-report", help="Leave the PDF out.")] = False,
    ) -> None:
        """From images or feature tables to locked models and their external validation."""
        from extval.validate.evaluation import default_jobs
        from extval.validate.run import UNTIL, run_study

        if until not in UNTIL:
            raise InputError(f"--until {until!r} is no stage; choose one of {', '.join(UNTIL)}.")
        with _files():
            results = run_study(
                study,
                out,
                until=until,
                force=force,
                n_jobs=jobs or default_jobs(),
                dask=dask,
                progress=progress,
                say=lambda text: typer.echo(text, err=True),
                report=None if no_report else report_writer(),
            )
        if results is None:
            typer.echo(str(out))
        else:
            say_done(results, out)

    @app.command()
    def apply(
        model: Annotated[Path, typer.Argument(help="Locked model (JSON).")],
        table: Annotated[Path, typer.Argument(help="CSV or Parquet, one row a patient.")],
        out: Annotated[
            Path | None, typer.Option("--out", help="CSV file; without it, to the screen.")
        ] = None,
        patient: Annotated[
            str, typer.Option("--patient", help="Column of identifiers.")
        ] = "patient",
    ) -> None:
        """Predict for one new patient or a centre with a locked model; needs no network."""
        from extval.validate.applying import apply_model

        if out is not None and out.exists() and out.resolve() in (model.resolve(), table.resolve()):
            raise InputError(f"--out {out} is the model or the table itself; name another file.")
        with _files():
            found = apply_model(model, table, patient=patient)
        for sentence in found.sentences:
            typer.echo(sentence, err=True)
        if out is None:
            typer.echo(found.csv, nl=False)
        else:
            found.write(out)
            typer.echo(str(out))

    @app.command()
    def activation(
        model: Annotated[Path, typer.Argument(help="Locked signature with a formula (JSON).")],
        study: Annotated[Path, typer.Argument(help="Study file with its images.")],
        patient: Annotated[str, typer.Option("--patient", help="Whom to look at.")],
        out: Annotated[Path, typer.Option("--out", help="Folder for the figures (PDF).")],
    ) -> None:
        """Draw where a locked signature's deep features look in one patient (Grad-CAM)."""
        from extval.validate.activation import activation_maps

        found = activation_maps(model, study, patient)
        out.mkdir(parents=True, exist_ok=True)
        for phase, shown in found.items():
            path = out / f"{'_'.join(part for part in (patient, phase) if part)}.pdf"
            draw_activation(shown, path)
            typer.echo(f"{path}: axial slice {shown.slice_index}, {shown.weights}")

    @app.command()
    def lock(
        formula: Annotated[Path, typer.Argument(help="Model file without its hash (JSON).")],
        out: Annotated[
            Path, typer.Option("--out", help="Locked model to write.", show_default=False)
        ],
    ) -> None:
        """Lock a model written by hand, for example a published formula."""
        from extval.validate import locked_model
        from extval.validate.applying import write_whole

        found = locked_model.locked(locked_model.read_unlocked(formula))
        write_whole(out, locked_model.to_json(found))
        typer.echo(f"{out}: {found.name}, sha256 {found.sha256}")

    @app.command()
    def init(
        out: Annotated[Path, typer.Argument(help="Study file to write.")] = Path("study.yaml"),
        kind: Annotated[
            str, typer.Option("--kind", help="binary (0/1 outcome) or survival.")
        ] = "binary",
    ) -> None:
        """Write a study file with comments, to be filled in."""
        from extval.validate.applying import write_whole
        from extval.validate.study_template import template

        if out.exists():
            raise InputError(f"{out} is there already; name another file.")
        write_whole(out, template(kind))
        typer.echo(f"{out}: fill it in, then run `extval run {out} --out results`.")
