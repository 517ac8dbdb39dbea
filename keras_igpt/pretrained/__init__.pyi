from . import arpg as arpg
from . import llamagen as llamagen
from . import openai as openai
