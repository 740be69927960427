"""The numbers of other libraries on request, one file a peer, so that people can move here and compare.

A peer's number is computed from the same columns by the peer's own definition: its bins, logarithms, fills and default
choices. It is judged by the peer's own rule too, whatever we think of it (see docs/compatible.md).
"""
