"""The mathematics of a graph: rules as formulas, the chain rule of one parameter, one number explained, a diagnosis."""

from graphnet.explain.derivation import Derivation, Step, derive
from graphnet.explain.formula import Formula
from graphnet.explain.rules import RuleFormulas, rule_formulas

__all__ = ["Derivation", "Formula", "RuleFormulas", "Step", "derive", "rule_formulas"]
