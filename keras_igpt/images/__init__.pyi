from .files import read_mask as read_mask
from .files import read_parameters as read_parameters
