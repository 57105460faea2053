"""The commands before a validation: samplesize and impute. See `cli.py` for the rest."""

from pathlib import Path
from typing import Annotated

import typer

from extval.validate.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(samplesize)
    app.command()(impute)


def samplesize(
    prevalence: Annotated[
        float | None, typer.Option("--prevalence", help="Event rate (0/1 outcome).")
    ] = None,
    auc: Annotated[float | None, typer.Option("--auc", help="Anticipated AUC.")] = None,
    risk: Annotated[
        float | None, typer.Option("--risk", help="Event risk by the horizon (time to event).")
    ] = None,
    lost: Annotated[
        float, typer.Option("--lost", help="Share censored before the horizon (time to event).")
    ] = 0.0,
    lp_mean: Annotated[
        float | None, typer.Option("--lp-mean", help="Mean of the linear predictor.")
    ] = None,
    lp_sd: Annotated[
        float | None, typer.Option("--lp-sd", help="SD of the linear predictor.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Risk threshold for net benefit.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=2, help="Patients: report the precision they give.")
    ] = None,
    oe_width: Annotated[float, typer.Option("--oe-width", help="Width of the O:E interval.")] = 0.2,
    slope_width: Annotated[float, typer.Option("--slope-width", help="Of the slope.")] = 0.2,
    auc_width: Annotated[float, typer.Option("--auc-width", help="Of the AUC or C-index.")] = 0.1,
    net_benefit_width: Annotated[
        float, typer.Option("--net-benefit-width", help="Of the standardised net benefit.")
    ] = 0.2,
    as_json: Annotated[bool, typer.Option("--json", help="Full precision as JSON.")] = False,
) -> None:
    """Patients needed for an external validation (Riley), or the precision of given patients."""
    from extval.validate import sample_size

    widths = (oe_width, slope_width, auc_width, net_benefit_width)
    if risk is not None:
        if lp_sd is None or prevalence is not None or auc is not None:
            raise InputError("for a time to event give --risk and --lp-sd, not --prevalence.")
        design = sample_size.survival_design(
            risk=risk, lp_sd=lp_sd, lost=lost, threshold=threshold, widths=widths
        )
        found = sample_size.computed(design, n)
    elif prevalence is not None and auc is not None:
        found = sample_size.computed(
            sample_size.binary_design(
                prevalence=prevalence,
                auc=auc,
                lp_mean=lp_mean,
                lp_sd=lp_sd,
                threshold=threshold,
                widths=widths,
            ),
            n,
        )
    else:
        raise InputError(
            "give --prevalence and --auc (0/1 outcome), or --risk and --lp-sd (time to event)."
        )
    if as_json:
        typer.echo(sample_size.as_json(found))
    else:
        for line in sample_size.as_text(found, asked=n):
            typer.echo(line)


def impute(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet, one row a patient.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the imputed tables.", show_default=False)
    ],
    continuous: Annotated[
        str, typer.Option("--continuous", help="Predictors that are numbers, with commas.")
    ] = "",
    categorical: Annotated[
        str, typer.Option("--categorical", help="Predictors that are categories, with commas.")
    ] = "",
    method: Annotated[
        str, typer.Option("--method", help="chained (several imputations) or median (one).")
    ] = "chained",
    imputations: Annotated[
        int | None, typer.Option("--imputations", min=1, help="Default: per cent incomplete.")
    ] = None,
    cohort: Annotated[
        str, typer.Option("--cohort", help="Column that holds development or validation.")
    ] = "cohort",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws.")] = 20240416,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the folder if it holds files.")
    ] = False,
) -> None:
    """Fill gaps in predictors, learned on development patients and never from an outcome."""
    import shlex

    from extval.validate import folder, impute_table
    from extval.validate.table import read_table

    kinds = {"continuous": continuous, "categorical": categorical}
    predictors = {
        name.strip(): kind
        for kind, names in kinds.items()
        for name in names.split(",")
        if name.strip()
    }
    if not predictors:
        raise InputError("name the predictors with --continuous age,size and --categorical grade.")
    if method not in impute_table.METHODS:
        raise InputError(
            f"--method {method!r} is unknown; choose one of {', '.join(impute_table.METHODS)}."
        )
    found = impute_table.impute_table(
        read_table(table),
        predictors,
        cohort=cohort,
        method=method,
        n_imputations=imputations,
        seed=seed,
    )
    words = ["extval", "impute", table.name, "--continuous", continuous]
    words += ["--categorical", categorical, "--method", method, "--cohort", cohort]
    words += [] if imputations is None else ["--imputations", str(imputations)]
    command = shlex.join([*words, "--seed", str(seed)])
    with folder.new_folder(out, force=force) as temporary:
        impute_table.write(temporary, found, table, command, seed)
    typer.echo(f"{out}: {len(found.tables)} tables. {found.sentence}")
