"""What is known of an image, what is hidden and what is kept: `EDITS`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
