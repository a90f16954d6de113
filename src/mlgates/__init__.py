"""Composable validation gates: may this data be trained on, may this model be shipped?

Importing the package is fast: each public name is loaded when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlgates._gate import Gate as Gate
    from mlgates._gate import gate as gate
    from mlgates.comparison import Comparison as Comparison
    from mlgates.comparison import compare as compare
    from mlgates.deploy.assignment import assign as assign
    from mlgates.deploy.history import History as History
    from mlgates.deploy.monitor import Monitor as Monitor
    from mlgates.deploy.rollout import Rollout as Rollout
    from mlgates.deploy.rollout import RolloutState as RolloutState
    from mlgates.deploy.traffic import Traffic as Traffic
    from mlgates.errors import EvidenceError as EvidenceError
    from mlgates.errors import GateFailure as GateFailure
    from mlgates.errors import MlgatesError as MlgatesError
    from mlgates.errors import OptionError as OptionError
    from mlgates.infer import infer_suite as infer_suite
    from mlgates.profile.baseline import Baseline as Baseline
    from mlgates.profile.plan import Plan as Plan
    from mlgates.profile.scan import Profile as Profile
    from mlgates.report import GateResult as GateResult
    from mlgates.report import Report as Report
    from mlgates.slice_search import weak_slices as weak_slices
    from mlgates.suite import GateSuite as GateSuite
    from mlgates.verdict import Check as Check
    from mlgates.verdict import Limit as Limit
    from mlgates.verdict import Measurement as Measurement
    from mlgates.verdict import Verdict as Verdict
    from mlgates.verdict import decide as decide

# A block of its own, so that sorting moves no import across the markers of the generated lines.
if TYPE_CHECKING:
    # written by nox -s register, imports
    from mlgates.gates.canary import Canary as Canary
    from mlgates.gates.completeness import Completeness as Completeness
    from mlgates.gates.drift import Drift as Drift
    from mlgates.gates.fairness import Fairness as Fairness
    from mlgates.gates.freshness import Freshness as Freshness
    from mlgates.gates.generalization import Generalization as Generalization
    from mlgates.gates.integration import Integration as Integration
    from mlgates.gates.latency import Latency as Latency
    from mlgates.gates.leakage import Leakage as Leakage
    from mlgates.gates.multivariate_drift import MultivariateDrift as MultivariateDrift
    from mlgates.gates.performance import Performance as Performance
    from mlgates.gates.regression import Regression as Regression
    from mlgates.gates.reproducibility import Reproducibility as Reproducibility
    from mlgates.gates.rule import Rule as Rule
    from mlgates.gates.schema import Column as Column
    from mlgates.gates.schema import Schema as Schema
    from mlgates.gates.shadow import Shadow as Shadow
    from mlgates.gates.statistic import Statistic as Statistic
    from mlgates.gates.unique import Unique as Unique

    # end of imports
    __version__: str

__all__ = [
    "Baseline",
    "Check",
    "Comparison",
    "EvidenceError",
    "Gate",
    "GateFailure",
    "GateResult",
    "GateSuite",
    "History",
    "Limit",
    "Measurement",
    "MlgatesError",
    "Monitor",
    "OptionError",
    "Plan",
    "Profile",
    "Report",
    "Rollout",
    "RolloutState",
    "Traffic",
    "Verdict",
    "__version__",
    "assign",
    "compare",
    "decide",
    "gate",
    "infer_suite",
    "weak_slices",
]
# written by nox -s register, names
__all__ += [
    "Canary",
    "Column",
    "Completeness",
    "Drift",
    "Fairness",
    "Freshness",
    "Generalization",
    "Integration",
    "Latency",
    "Leakage",
    "MultivariateDrift",
    "Performance",
    "Regression",
    "Reproducibility",
    "Rule",
    "Schema",
    "Shadow",
    "Statistic",
    "Unique",
]
# end of names

# Hidden from type checkers, which would accept any attribute of a module with `__getattr__`.
if not TYPE_CHECKING:
    _HOMES = {
        "_gate": ("Gate", "gate"),
        "comparison": ("Comparison", "compare"),
        "deploy.history": ("History",),
        "deploy.monitor": ("Monitor",),
        "deploy.assignment": ("assign",),
        "deploy.rollout": ("Rollout", "RolloutState"),
        "deploy.traffic": ("Traffic",),
        "profile.baseline": ("Baseline",),
        "profile.plan": ("Plan",),
        "profile.scan": ("Profile",),
        "infer": ("infer_suite",),
        "errors": ("EvidenceError", "GateFailure", "MlgatesError", "OptionError"),
        # written by nox -s register, homes
        "gates.canary": ("Canary",),
        "gates.completeness": ("Completeness",),
        "gates.drift": ("Drift",),
        "gates.fairness": ("Fairness",),
        "gates.freshness": ("Freshness",),
        "gates.generalization": ("Generalization",),
        "gates.integration": ("Integration",),
        "gates.latency": ("Latency",),
        "gates.leakage": ("Leakage",),
        "gates.multivariate_drift": ("MultivariateDrift",),
        "gates.performance": ("Performance",),
        "gates.regression": ("Regression",),
        "gates.reproducibility": ("Reproducibility",),
        "gates.rule": ("Rule",),
        "gates.schema": ("Column", "Schema"),
        "gates.shadow": ("Shadow",),
        "gates.statistic": ("Statistic",),
        "gates.unique": ("Unique",),
        # end of homes
        "report": ("GateResult", "Report"),
        "slice_search": ("weak_slices",),
        "suite": ("GateSuite",),
        "verdict": ("Check", "Limit", "Measurement", "Verdict", "decide"),
    }
    _HOME = {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names}

    def __getattr__(name):  # noqa: ANN001, ANN202
        from importlib import import_module

        if name == "__version__":
            from importlib.metadata import version

            value = version(__name__)
        elif name in _HOME:
            value = getattr(import_module(_HOME[name]), name)
        else:
            raise AttributeError(
                f"module {__name__!r} has no attribute {name!r}", name=name, obj=None
            )
        globals()[name] = value
        return value

    def __dir__():  # noqa: ANN202
        return sorted(__all__)
