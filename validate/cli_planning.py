"""The command that plans a validation: samplesize. See `cli.py` for the rest."""

from typing import Annotated

import typer

from extval.validate.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(samplesize)


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
