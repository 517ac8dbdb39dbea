from .conversion import load as load
