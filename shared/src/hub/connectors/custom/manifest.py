"""What the custom REST CRM connector can do."""

from hub.contracts.connector import DONE, Capability, Exempt, Manifest

MANIFEST = Manifest(
    crm_type="custom",
    title="Custom REST CRM",
    auth_types=("api_key",),
    scorecard={
        Capability.PUSH: DONE,
        Capability.BATCH_PUSH: Exempt("the design document's custom API has no endpoint for several records"),
        Capability.IDEMPOTENT_CREATE: DONE,  # write-ahead intent, then a look-up by reference before a retry
        Capability.PULL: Exempt("changes arrive by webhook; scheduled import is not built yet"),
        Capability.WEBHOOKS: DONE,
        Capability.WEBHOOK_TIMESTAMP: DONE,
        Capability.FIELD_MAPPINGS: DONE,
        Capability.TRANSFORMATIONS: DONE,
        Capability.TOKEN_REFRESH: Exempt("an API key does not expire by itself; a refused key sets needs_reauth"),
    },
)
