"""What is wrong with a model's files."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlmon_dagster.errors import DataError

HINT = (
    "models are admitted by format: skops, ONNX, safetensors, XGBoost's JSON and LightGBM's text, without code and "
    "without pickles; save it with mlflow.sklearn.save_model(..., serialization_format='skops')"
)


@dataclass(frozen=True)
class Finding:
    """One reason not to admit a model. `code` is stable."""

    code: str
    file: str
    message: str

    def __str__(self) -> str:
        return f"[{self.code}] {self.file}: {self.message}" if self.file else f"[{self.code}] {self.message}"


class NotAdmittedError(DataError):
    """A model that is not loaded; `findings` has every reason."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        shown = "; ".join(map(str, findings[:5]))
        more = f" (and {len(findings) - 5} more)" if len(findings) > 5 else ""
        super().__init__(f"the model is not admitted: {shown}{more}", hint=HINT)
        self.findings = tuple(findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings, each once."""
        return tuple(dict.fromkeys(one.code for one in self.findings))
