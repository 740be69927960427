"""Performance without labels: what a model's own probabilities and errors on the reference let one expect."""
