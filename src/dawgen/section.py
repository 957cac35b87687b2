"""What every section of the settings is."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all sections: unknown keys fail, values cannot be changed after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
