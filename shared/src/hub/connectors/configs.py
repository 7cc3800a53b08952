"""Connections' configurations: what all kinds of CRM have in common."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from hub.contracts.errors import Invalid

Name = Annotated[str, Field(min_length=1, max_length=100)]
Choices = dict[Name, str | int | bool]  # a value table: the hub's value → the CRM's
Config = TypeVar("Config", bound=BaseModel)


def checked(model: type[Config], config: Mapping[str, Any]) -> Config:
    """The configuration as the model has it. Raises Invalid naming the first bad field."""
    try:
        return model.model_validate(config)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{name}: {first['msg']}", field=name) from None
