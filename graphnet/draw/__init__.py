"""Pictures of graphs and passes: one neutral description of the picture, then one writer for each format."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["plots"], {"drawing": ["Drawing", "draw"]})
