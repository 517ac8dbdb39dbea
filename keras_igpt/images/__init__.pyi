from .files import read_parameters as read_parameters
