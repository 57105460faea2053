"""The command line: the composition root, which alone may import any room of the house.

Each command imports what it needs when it runs, so that `extval --help` answers at once.
Messages and progress go to stderr, results to stdout or to files. Exit codes: 0 done; 1 the work
failed or a verification found a difference; 2 the input is wrong.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extval.validate import cli_images, cli_models, cli_planning
from extval.validate.errors import InputError
from extval.validate.progress import progress

if TYPE_CHECKING:
    from extval.features.activation import ActivationMap
    from extval.validate.protocol import Protocol
    from extval.validate.store import Results

app = typer.Typer(
    name="extval",
    help="External validation of prediction models, recomputable and printable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path, typer.Option("--out", help="Folder for the results.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace the folder if it holds files.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Leave the PDF out.")]
Jobs = Annotated[
    int, typer.Option("--jobs", min=0, help="Threads; 0 means all. Results do not depend on it.")
]


def main() -> None:
    """Run the command line; wrong input ends with its sentence and exit code 2."""
    try:
        app()
    except InputError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


@app.callback()
def _extval(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from importlib import metadata

        typer.echo(f"extval {metadata.version('extval')}")
        raise typer.Exit


@app.command()
def evaluate(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet, one row a patient.")],
    out: Out,
    protocol: Annotated[
        Path | None, typer.Option("--protocol", help="Protocol file (YAML).")
    ] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="Column with 0/1.")] = None,
    models: Annotated[
        str | None,
        typer.Option("--models", help="Columns with predicted probabilities, with commas."),
    ] = None,
    patient: Annotated[
        str | None, typer.Option("--patient", help="Column of identifiers (default: patient).")
    ] = None,
    center: Annotated[
        str | None, typer.Option("--center", help="Column of centres (default: center).")
    ] = None,
    cohort: Annotated[
        str | None,
        typer.Option(
            "--cohort", help="Column that holds development or validation (default: cohort)."
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            help="youden, sensitivity:0.9, ... or a probability (default: youden).",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of all resampling.")
    ] = None,
    bootstrap: Annotated[
        int | None, typer.Option("--bootstrap", min=0, help="Resamples; 0 for none.")
    ] = None,
    jobs: Jobs = 0,
    force: Force = False,
    no_report: NoReport = False,
) -> None:
    """Validate frozen predictions: results folder and report."""
    from extval.validate import folder, protocol_source

    flags = {
        "--outcome": outcome,
        "--models": models,
        "--patient": patient,
        "--center": center,
        "--cohort": cohort,
        "--threshold": threshold,
    }
    given = [flag for flag, value in flags.items() if value is not None]
    if protocol is not None and given:
        raise InputError(
            f"{', '.join(given)}: without --protocol only; with it, say this in the protocol file."
        )

    chosen = (
        protocol_source.from_file(protocol, seed=seed, n_resamples=bootstrap)
        if protocol is not None
        else protocol_source.from_flags(
            outcome,
            models,
            (patient or "patient", center or "center", cohort or "cohort"),
            threshold or "youden",
            seed=seed,
            n_resamples=bootstrap,
        )
    )
    with folder.new_folder(out, force=force) as temporary:
        results = _evaluate_into(
            temporary, table, protocol, chosen, jobs=jobs, report=not no_report
        )
    _say_done(results, out)


@app.command()
def demo(
    out: Out = Path("demo"),
    study: Annotated[
        str, typer.Option("--study", help="rls-mdm (simulated) or lung (real patients).")
    ] = "rls-mdm",
    jobs: Jobs = 0,
    force: Force = False,
    no_report: NoReport = False,
) -> None:
    """Run the main job on a demonstration study; nothing is downloaded."""
    import tempfile

    from extval.validate import folder, protocol_source, yaml_file
    from extval.validate.demonstration import STUDIES, demonstration

    if study not in STUDIES:
        raise InputError(f"there is no study `{study}`; choose one of {', '.join(STUDIES)}.")
    with folder.new_folder(out, force=force) as temporary, tempfile.TemporaryDirectory() as inputs:
        shown = demonstration(study)
        typer.echo(f"Demonstration {study}: {shown.about}.", err=True)
        table, protocol = Path(inputs) / f"{study}.csv", Path(inputs) / f"{study}.yaml"
        table.write_text(shown.table, encoding="utf-8", newline="\n")
        protocol.write_text(yaml_file.dump(shown.protocol), encoding="utf-8", newline="\n")
        results = _evaluate_into(
            temporary,
            table,
            protocol,
            protocol_source.from_file(protocol),
            jobs=jobs,
            report=not no_report,
        )
    _say_done(results, out)


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="A results folder.")],
    out: Annotated[Path | None, typer.Option("--out", help="PDF to write.")] = None,
) -> None:
    """Write the PDF report of a results folder again, from its results.json alone."""
    from extval.validate import store

    try:
        found = store.load(results)
    except store.StoreError as error:
        raise InputError(str(error)) from error
    path = out or results / "report.pdf"
    temporary = path.with_name(f".{path.name}.part")
    try:
        _report_writer()(found, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    typer.echo(str(path))


@app.command()
def verify(
    results: Annotated[Path, typer.Argument(help="A results folder.")],
    table: Annotated[
        Path | None,
        typer.Option("--table", help="The original table; without it, predictions.csv is used."),
    ] = None,
    jobs: Jobs = 0,
) -> None:
    """Recompute a results folder and say which file or number differs."""
    import tempfile

    from extval.validate import agreement_folder, folder, protocol_source, store, verification

    manifest = folder.read_manifest(results)
    if manifest.get("results_schema") == agreement_folder.SCHEMA:
        problems = verification.changed_files(results)
        if table is not None:
            problems += _table_differs(manifest["inputs"], folder.input_record(table, "table"))
        if problems:
            verification.limited(problems, say=typer.echo)
            raise typer.Exit(1)
        typer.echo(f"{results}: {len(manifest['outputs'])} files are as they were written.")
        return
    try:
        recorded = store.load(results)
    except store.StoreError as error:
        raise InputError(str(error)) from error
    problems = verification.changed_files(results)
    problems += verification.unlocked_models(results, recorded)
    if table is not None:
        problems += _table_differs(manifest["inputs"], folder.input_record(table, "table"))
    with tempfile.TemporaryDirectory() as scratch:
        again = _evaluate_into(
            Path(scratch),
            table or results / "predictions.csv",
            None,
            protocol_source.from_file(results / "protocol.yaml"),
            jobs=jobs,
            report=(results / "report.pdf").is_file(),
            inputs=manifest["inputs"],
            command=manifest["command"],
            recorded=recorded,
        )
        problems += verification.differing_numbers(recorded, again)
        problems += verification.differing_files(results, Path(scratch))
    if problems:
        verification.limited(problems, say=typer.echo)
        raise typer.Exit(1)
    typer.echo(
        f"{results}: {len(manifest['outputs'])} files and {len(recorded.metrics)} metrics agree "
        "with their recomputation, to the byte."
    )
    if recorded.modelling:
        typer.echo(
            "models/, modelling/ and study.yaml are unchanged since they were written; they need "
            "the features to be computed again: `extval run` with study.yaml."
        )


@app.command()
def agreement(
    table: Annotated[
        Path,
        typer.Argument(
            help="CSV with subject, rater, feature, value; or subject, reader_a, reader_b (masks)."
        ),
    ],
    out: Out,
    kind: Annotated[
        str, typer.Option("--kind", help="numeric, categorical or ordinal, without a column kind.")
    ] = "numeric",
    form: Annotated[
        str, typer.Option("--form", help="Intraclass correlation to quote; all six are given.")
    ] = "ICC(2,1)",
    weights: Annotated[
        str, typer.Option("--weights", help="Of ordinal kappa: quadratic, linear or none.")
    ] = "quadratic",
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0.0, help="Of the surface Dice, in mm.")
    ] = 1.0,
    level: Annotated[float, typer.Option("--level", help="Confidence level.")] = 0.95,
    force: Force = False,
    no_report: NoReport = False,
) -> None:
    """Measure how well readers agree on features (ICC, kappa) or on segmentations (Dice)."""
    from extval.validate import agreement_folder, folder, reader_agreement, segmentation_agreement
    from extval.validate.table import read_table

    data = read_table(table)
    if "reader_a" in data.columns:
        found = segmentation_agreement.segmentation_agreement(
            data, table.parent, tolerance=tolerance
        )
        masks = []
        with progress("Comparing") as watch:
            for done, rows in enumerate(found, start=1):
                masks += rows
                watch(done, data.n_rows)
        name, text = "segmentations.csv", segmentation_agreement.as_csv(masks)
        lines = list(segmentation_agreement.as_text(masks))
        read = segmentation_agreement.mask_paths(data, table.parent)
        about = agreement_folder.provenance(table, read, {"--tolerance": tolerance})
    else:
        asked = reader_agreement.checked(kind=kind, form=form, weights=weights, level=level)
        ratings = reader_agreement.reader_agreement(data, asked)
        name, text = "agreement.csv", reader_agreement.as_csv(ratings)
        lines = list(reader_agreement.as_text(ratings))
        flags: dict[str, str | float] = {
            "--kind": kind,
            "--form": form,
            "--weights": weights,
            "--level": level,
        }
        about = agreement_folder.provenance(table, (), flags)

    def report(path: Path) -> None:
        from extval.reports import agreement as report

        try:
            if name == "agreement.csv":
                report.write_reader_report(ratings, about, path)
            else:
                report.write_segmentation_report(masks, about, path)
        except report.ReportError as error:
            raise InputError(str(error)) from error

    with folder.new_folder(out, force=force) as temporary:
        agreement_folder.write(temporary, name, text, about, report=None if no_report else report)
    typer.echo(str(out / name), err=True)
    for line in lines:
        typer.echo(line)


def _evaluate_into(
    folder: Path,
    table: Path,
    protocol_file: Path | None,
    protocol: "Protocol",
    *,
    jobs: int,
    report: bool,
    inputs: list[dict[str, object]] | None = None,
    command: str | None = None,
    recorded: "Results | None" = None,
) -> "Results":
    """Read, evaluate and write everything into `folder`.

    What `recorded` results say of how models were learned is taken over: it cannot be recomputed
    from predictions.
    """
    from extval.validate.evaluation import default_jobs, with_modelling
    from extval.validate.evaluation import evaluate as run
    from extval.validate.folder import input_record, write_results
    from extval.validate.study import read_study
    from extval.validate.table import read_table

    study = read_study(read_table(table), protocol)
    if inputs is None:
        inputs = [input_record(table, "table")]
        if protocol_file is not None:
            inputs.append(input_record(protocol_file, "protocol"))
    with progress("Evaluating") as watch:
        results = run(
            study,
            inputs=inputs,
            command=command or _command(table, protocol_file, protocol),
            n_jobs=jobs or default_jobs(),
            watch=watch,
        )
    if recorded is not None and recorded.modelling:
        results = with_modelling(results, recorded.modelling, recorded.provenance["order"])
    write_results(folder, results, study, report=_report_writer() if report else None)
    return results


def _report_writer() -> "Callable[[Results, Path], None]":
    from extval.reports.report import ReportError, write_report

    def write(results: "Results", path: Path) -> None:
        try:
            write_report(results, path)
        except ReportError as error:
            raise InputError(str(error)) from error

    return write


def _draw_activation(found: "ActivationMap", path: Path) -> None:
    """Write one activation map as a PDF; the same map gives the same bytes."""
    from matplotlib.figure import Figure

    from extval.reports.figures.activation import plot_activation

    figure = Figure(figsize=(3.5, 3.7), layout="constrained")
    plot_activation(found, figure.subplots())
    figure.savefig(path, format="pdf", dpi=300, metadata={"CreationDate": None})


def _command(table: Path, protocol_file: Path | None, protocol: "Protocol") -> str:
    """Return the command as it would be typed in the folder of the table."""
    import shlex

    parts = ["extval", "evaluate", table.name]
    if protocol_file is not None:
        parts += ["--protocol", protocol_file.name]
    else:
        parts += ["--protocol", "protocol.yaml"]
    parts += ["--seed", str(protocol.seed), "--bootstrap", str(protocol.bootstrap.n_resamples)]
    return shlex.join(parts)


def _table_differs(recorded: list[dict[str, object]], found: dict[str, object]) -> list[str]:
    for item in recorded:
        if item["role"] == "table" and item["sha256"] != found["sha256"]:
            return [
                f"{found['name']} is not the table that was evaluated: its sha256 is not the one "
                "in the manifest."
            ]
    return []


def _say_done(results: "Results", out: Path) -> None:
    """Say where the results are, and the first numbers that a reader wants."""
    typer.echo(str(out))
    cautions = len(results.cautions)
    if cautions:
        typer.echo(
            f"{cautions} caution{'s' if cautions > 1 else ''} (all on the first page of the report "
            f"and in results.json); the first: {results.cautions[0]}",
            err=True,
        )


cli_images.register(app)
cli_planning.register(app)
cli_models.register(app, _report_writer, _say_done, _draw_activation)


if __name__ == "__main__":
    main()
