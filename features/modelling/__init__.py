"""From a feature table to a fitted model: every step a scikit-learn estimator that learns once."""
