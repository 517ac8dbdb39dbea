from .batches import arrays as arrays
from .batches import batches as batches
from .batches import num_images as num_images
from .loading import load as load
from .loading import read_image as read_image
from .loading import resize as resize
from .loading import set_channels as set_channels
from .shards.tokenizing import tokenize as tokenize
