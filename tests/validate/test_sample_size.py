"""`extval samplesize`: both directions, both kinds of outcome, and what it refuses."""

import json

import pytest


def test_the_published_example(extval):
    said = extval(
        *("samplesize", "--prevalence", "0.018", "--auc", "0.8", "--lp-mean", "-5"),
        *("--lp-sd", "2.5", "--oe-width", "1", "--json"),
    )
    found = {row["measure"]: row["n"] for row in json.loads(said.stdout)["criteria"]}
    assert found == {"oe_ratio": 906, "calibration_slope": 4554, "auc": 4252}


def test_the_precision_of_given_patients(extval):
    flags = ("samplesize", "--prevalence", "0.3", "--auc", "0.75", "--threshold", "0.2")
    said = extval(*flags, "--n", "118")
    assert "118 patients, about 35 with the event: too few." in said.stdout
    assert "standardized_net_benefit" in said.stdout
    needed = json.loads(extval(*flags, "--json").stdout)["n"]
    assert f"{needed} patients" in extval(*flags, "--n", needed).stdout
    assert "enough" in extval(*flags, "--n", needed).stdout


def test_a_time_to_event(extval):
    said = extval("samplesize", "--risk", "0.3", "--lp-sd", "0.8", "--lost", "0.2")
    assert (said.code, "c_harrell" in said.stdout) == (0, True)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "give --prevalence and --auc"),
        (("--prevalence", "0.3"), "give --prevalence and --auc"),
        (("--prevalence", "1.3", "--auc", "0.8"), "must lie in (0, 1)"),
        (("--prevalence", "0.3", "--auc", "0.8", "--lp-sd", "1"), "--lp-mean and --lp-sd together"),
        (("--risk", "0.3"), "give --risk and --lp-sd"),
        (("--risk", "1.3", "--lp-sd", "1"), "`risk` must lie in (0, 1)"),
    ],
)
def test_what_it_refuses(extval, flags, message):
    said = extval("samplesize", *flags)
    assert (said.code, message in said.stderr) == (2, True), said.stderr
