"""The transformer's settings."""

from pydantic import Field

from hub.settings import ServiceSettings


class TransformerSettings(ServiceSettings):
    """What only the transformer reads."""

    batches_in_hand: int = Field(
        default=3, ge=1, le=16, description="Batches worked on at once, so that Python and PostgreSQL overlap."
    )
    inbox_days: int = Field(default=14, ge=1, description="How long handled event ids are remembered.")
    import_keep_days: float = Field(
        default=90, gt=0, description="Days that imports and the records refused in them are kept."
    )
