"""The mathematics of a graph: rules as formulas, the chain rule of one parameter, one number explained, a diagnosis.

A formula is a node. `reading` runs a rule on nodes and reads what it made; `terms` are what that is made of, as short as a
person would write it, and say what nodes are called; `indices` gives axes letters and writes it entry by entry. To be
printed, a node is set as boxes (`formula`), and `writers` turn boxes into text, LaTeX and MathML. On these stand `derive`
(`derivation`), `explain` (`explanation`, and `paths` from one entry to the output) and `diagnose` (`diagnosis`).
"""

from graphnet.notation.derivation import Derivation, Step, derive
from graphnet.notation.diagnosis import Diagnosis, NodeDiagnosis, diagnose
from graphnet.notation.explanation import Explanation, explain
from graphnet.notation.formula import Formula
from graphnet.notation.reading import RuleFormulas, rule_formulas

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
