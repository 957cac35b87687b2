"""`from dawgen.backbones.load import resolve_name`, as published model cards have it, goes on working."""

from dawgen.models.resolve import resolve_model as resolve_name

__all__ = ["resolve_name"]
