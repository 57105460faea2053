"""Results to figures, tables and PDF; computes no statistic."""
