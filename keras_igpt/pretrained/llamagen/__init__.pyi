from .conversion import load as load
from .tokenizer import load_tokenizer as load_tokenizer
