from .kinds import EDITS as EDITS
