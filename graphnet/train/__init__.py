"""Trains parameters: optimisers, fit and the history it returns."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["schedules"])
