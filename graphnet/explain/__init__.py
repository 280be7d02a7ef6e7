"""The mathematics of a graph: the chain rule of one parameter, one number explained, a diagnosis, rules as formulas.

``graphnet.explain`` is two things: ``from graphnet.explain import ...`` reads this package, and ``gn.explain(...)`` is its
function `explain`, which graphnet exports under the same name.
"""

from graphnet.explain.chain_rule import derive
from graphnet.explain.derivation import Derivation, Step
from graphnet.explain.diagnosis import Diagnosis, NodeDiagnosis, diagnose
from graphnet.explain.explanation import Explanation, explain
from graphnet.formulas import Formula, RuleFormulas, rule_formulas

__all__ = [
    "Derivation",
    "Diagnosis",
    "Explanation",
    "Formula",
    "NodeDiagnosis",
    "RuleFormulas",
    "Step",
    "derive",
    "diagnose",
    "explain",
    "rule_formulas",
]
