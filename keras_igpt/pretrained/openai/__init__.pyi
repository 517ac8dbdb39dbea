from .conversion import load as load
from .conversion import save as save
