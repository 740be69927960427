"""Detectors: each watches one number, value by value, and says at which one it has changed.

A detector costs microseconds a value, a few hundred bytes, and no history. `update` takes one value and gives the
`State` that follows; a value that is not finite is evidence of nothing and leaves the state as it was. One detector
belongs to one thread.
"""
