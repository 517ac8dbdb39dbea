from .tokenizer import load_tokenizer as load_tokenizer
