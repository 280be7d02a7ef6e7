"""The mathematics of a graph: rules as formulas, the chain rule of one parameter, one number explained, a diagnosis.

A formula is a node (`formula`). `reading` runs a rule on nodes and reads what it made, `shortening` writes it as a person
would, `symbols` says what nodes and their axes are called, `indices` writes it entry by entry. To be printed, a node is set as
boxes (`layout`, with `pieces`, which know where brackets go), and `writers` turn boxes into text, LaTeX and MathML. On these
stand `derive` (`chain_rule`, `derivation`), `explain` (`explanation`, `paths`, `factors`) and `diagnose` (`diagnosis`,
`verdicts`).
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
