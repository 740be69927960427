"""What replayed windows are judged by: what is kept with their versions, and what a change needs beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mlmon_dagster.assets.drift_segments import segmented
from mlmon_dagster.assets.joint import is_known, judge_window
from mlmon_dagster.assets.judged_rows import JudgedRows
from mlmon_dagster.assets.monitoring_basis import make_basis, read_basis
from mlmon_dagster.assets.ports import Ports
from mlmon_dagster.assets.recovered import recovered
from mlmon_dagster.assets.reference_windows import Reference
from mlmon_dagster.assets.stage import StageRun
from mlmon_dagster.drift.calibration import Calibration, Part, calibrate, declaration_digest
from mlmon_dagster.drift.judging import Evidence, Past, Segmented
from mlmon_dagster.drift.monitor import Drift, Monitor, method_name
from mlmon_dagster.drift.multivariate.joint import Learned, Table
from mlmon_dagster.drift.multivariate.judging import chosen, is_joint, unjudged
from mlmon_dagster.drift.multivariate.matrix import rows_of
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.errors import BlockedError, InputError
from mlmon_dagster.pipeline.spec import Pipeline
from mlmon_dagster.ports import ModelVersion


@dataclass
class ReplayBasis:
    """Evidence of each window; each version's reference is read and calibrated on once, and only where it must be."""

    stage: StageRun
    """Monitoring with the monitors as they are tried."""
    ports: Ports
    learning: frozenset[str] = frozenset()
    """Joint monitors whose method is another one than declared: what it learns is kept nowhere."""
    _calibrated: dict[int, Mapping[str, Calibration]] = field(default_factory=dict)
    _references: dict[int, Reference | str] = field(default_factory=dict)
    _learned: dict[tuple[int, str], Learned] = field(default_factory=dict)

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline with the monitors as they are tried."""
        return self.stage.pipeline

    def version(self, judged: JudgedRows) -> ModelVersion:
        """The version that gave a window's predictions."""
        return self.ports.registry.version(self.pipeline.stages.model_registry.model, judged.version)

    def evidence(self, stage: StageRun, judged: JudgedRows, past: Mapping[str, Past]) -> Evidence:
        """What the window of the stage is judged by."""
        assert stage.window is not None  # noqa: S101 - windows are replayed
        version = self.version(judged)
        found = read_basis(self.pipeline, self.ports.registry, version, stage.window, past)
        sides = segmented(replace(stage, pipeline=self.pipeline), self.ports.registry, version, judged.rows)
        segments = {name: self._with_reference(version, found, name, one) for name, one in sides.items()}
        found = replace(found, segments=segments)
        if version.number not in self._calibrated:
            self._calibrated[version.number] = self._calibrations(version, found, judged.rows.num_rows)
        return replace(found, calibrations=self._calibrated[version.number])

    def judged(
        self, stage: StageRun, version: ModelVersion, monitor: Monitor, table: Table, evidence: Evidence
    ) -> Drift:
        """The verdict of a joint monitor on the window of the stage."""
        assert stage.window is not None  # noqa: S101 - windows are replayed
        learned, profile = None, evidence.profile
        if monitor.alarm_budget and monitor.name not in evidence.calibrations:
            why = self._reference(version, profile)
            return unjudged(monitor, "error", f"{monitor.alarm_budget} cannot be calibrated: {why}").drift
        if monitor.name in self.learning or not is_known(self.ports.registry, version, monitor, profile):
            reference = self._reference(version, profile)
            if isinstance(reference, str):
                why = f"what {method_name(monitor.method)} needs of the reference cannot be learned: {reference}"
                return unjudged(monitor, "error", why).drift
            learned = self._learn(version, monitor, reference)
        return judge_window(self.ports, version, monitor, stage.window, table, evidence, learned).drift

    def _learn(self, version: ModelVersion, monitor: Monitor, reference: Reference) -> Learned:
        key = (version.number, monitor.name)
        if key not in self._learned:
            rows = chosen(monitor, reference.table, reference.inputs)
            found: Learned = monitor.method.learn(rows)
            self._learned[key] = Learned({"rows": rows_of(rows), **found.about}, found.arrays)
        return self._learned[key]

    def _reference(self, version: ModelVersion, profile: Profile) -> Reference | str:
        """The reference's rows, or why they cannot be had."""
        if version.number not in self._references:
            try:
                self._references[version.number] = recovered(self.stage, self.ports, version, profile)
            except (BlockedError, InputError) as error:
                self._references[version.number] = error.message
        return self._references[version.number]

    def _with_reference(self, version: ModelVersion, found: Evidence, name: str, sides: Segmented) -> Segmented:
        """A segment that the version was registered without, with its reference all the same where that can be read."""
        if sides.reference is not None:
            return sides
        reference = self._reference(version, found.profile)
        return sides if isinstance(reference, str) else replace(sides, reference=reference.segments[name].columns)

    def _calibrations(self, version: ModelVersion, found: Evidence, usual_rows: int) -> Mapping[str, Calibration]:
        """Those that are kept beside the version where they fit, else new ones, as registering it would make them.

        Where the reference's rows cannot be read any more, single columns are calibrated on its profile, and several
        together not at all.
        """
        monitors = self.pipeline.stages.model_monitoring.monitors
        kept = {
            name: one
            for name, one in found.calibrations.items()
            if one.declaration == declaration_digest(monitors[name], found.rates[name])
        }
        lacking = {name: monitors[name] for name in found.rates if name not in kept}
        if not lacking:
            return kept
        reference = self._reference(version, found.profile)
        if not isinstance(reference, str):
            return kept | make_basis(with_monitors(self.pipeline, lacking), reference)[1]
        return kept | {
            name: _on_profiles(found, monitor, usual_rows) for name, monitor in lacking.items() if not is_joint(monitor)
        }


def with_monitors(pipeline: Pipeline, monitors: Mapping[str, Monitor]) -> Pipeline:
    """The pipeline with these monitors in place of its own."""
    monitoring = replace(pipeline.stages.model_monitoring, monitors=monitors)
    return replace(pipeline, stages=replace(pipeline.stages, model_monitoring=monitoring))


def _on_profiles(found: Evidence, monitor: Monitor, usual_rows: int) -> Calibration:
    """How much the reference's own windows vary is known from a calibration that was kept, of another budget."""
    parts = {}
    for name in found.segments_of(monitor):
        sides = found.segments[name]
        if sides.reference is not None:
            sizes = [max((one.rows for one in side.values()), default=0) for side in (sides.reference, sides.window)]
            parts[name] = Part(Profile(sides.reference, sizes[0]), sizes[1])
    made = calibrate(found.profile, monitor, found.rates[monitor.name], usual_rows, (), parts)
    kept = found.calibrations.get(monitor.name)
    variations = {name: curve.variation for name, curve in kept.columns.items()} if kept else {}
    curves = {name: replace(one, variation=variations.get(name, 1.0)) for name, one in made.columns.items()}
    return replace(made, columns=curves)
