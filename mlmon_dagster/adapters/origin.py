"""Headers that say of a request to a server that no caller made it, so that monitoring leaves its prediction out."""

from collections.abc import Mapping

ORIGINS: Mapping[bytes, str] = {b"x-mlmon-shadow": "shadow", b"x-mlmon-probe": "probe"}
"""Header -> the `origin` of the prediction in the log: a copy for a shadow, or a question of our own checks."""

PROBE = {"x-mlmon-probe": "1"}
"""What our own checks send."""
