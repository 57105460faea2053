"""The commands about images: extract and check. See `cli.py` for the rest."""

from pathlib import Path
from typing import Annotated

import typer

from extval.validate.progress import progress


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(extract)
    app.command()(check)


def extract(
    study: Annotated[Path, typer.Argument(help="Study file (YAML) with `images` and `features`.")],
    out: Annotated[
        Path,
        typer.Option("--out", help="Folder for the tables; resumed if there.", show_default=False),
    ],
    jobs: Annotated[
        int,
        typer.Option("--jobs", min=0, help="Processes; 0 means all. Results do not depend on it."),
    ] = 0,
    dask: Annotated[
        str | None, typer.Option("--dask", help="Address of a dask scheduler to work on.")
    ] = None,
) -> None:
    """Turn images and masks into feature tables; the same command resumes a killed run."""
    from extval.validate import extraction
    from extval.validate.evaluation import default_jobs

    failed = extraction.extract(
        study,
        out,
        n_jobs=jobs or default_jobs(),
        dask=dask,
        progress=progress,
        say=lambda text: typer.echo(text, err=True),
    )
    typer.echo(str(out))
    if failed:
        raise typer.Exit(1)


def check(
    path: Annotated[
        Path, typer.Argument(help="A study or protocol file (YAML), or a manifest (CSV).")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="CSV file for the table of all regions.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=0, help="Processes; 0 means all.")] = 0,
) -> None:
    """Look at images and masks before anything is extracted, or at a protocol file."""
    import tempfile

    from extval.validate import extraction, protocol_source, yaml_file
    from extval.validate.evaluation import default_jobs

    if path.suffix.lower() in (".yaml", ".yml") and "outcome" in yaml_file.read_mapping(path):
        protocol_source.from_file(path)
        typer.echo(f"{path}: the protocol is complete.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        quality = extraction.check(
            path, n_jobs=jobs or default_jobs(), progress=progress, out=out, scratch=Path(scratch)
        )
    for line in extraction.check_lines(quality):
        typer.echo(line)
    if quality.failed:
        raise typer.Exit(1)
