"""Measures how far a window has drifted from the reference: exact, in numpy and scipy.special only. Pure."""
