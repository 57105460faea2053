"""Statistical routines: arrays in, frozen result objects out.

Import a routine from the module of its statistic, for example
``from extval.stats.roc import delong_test``.
"""

from extval.stats.results import Comparison, Estimate, Interval, SignificanceTest, Status

__all__ = ["Comparison", "Estimate", "Interval", "SignificanceTest", "Status"]
