"""Arrays of pixels; knows no model. `read_mask` reads a mask's file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
