"""Plots: columns of a curve in, the axes they were drawn on out. Nothing is computed here."""
