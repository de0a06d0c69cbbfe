"""Every setting by the variable that sets it."""

from pydantic import BaseModel


def setting_names(model: type[BaseModel], prefix: str = "MIEN_") -> set[str]:
    """Return the names of the variables for a branch of the settings."""
    names = set()
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        names.add(variable)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= setting_names(field.annotation, f"{variable}__")
    return names
