"""Models in their fastest equal form: sums of products or trees in ONNX, proven equal when they are registered."""
