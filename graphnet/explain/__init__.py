"""The mathematics of a graph: rules as formulas, the chain rule of one parameter, one number explained, a diagnosis."""

from graphnet.explain.formula import Formula
from graphnet.explain.rules import RuleFormulas, rule_formulas

__all__ = ["Formula", "RuleFormulas", "rule_formulas"]
