from .transfer import from_model as from_model
