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
        Capability.BULK: Exempt("the design document's custom API has no jobs"),
        Capability.UPSERT: Exempt("the design document's custom API has no upsert"),
        Capability.DELETE: Exempt("the design document's custom API deletes nothing"),
        Capability.COMPANIONS: Exempt("the design document's custom API knows leads only"),
        Capability.PULL: Exempt("changes arrive by webhook; scheduled import is not built yet"),
        Capability.PULL_CHANGES: Exempt("changes arrive by webhook; scheduled import is not built yet"),
        Capability.PULL_DELETES: Exempt("changes arrive by webhook; scheduled import is not built yet"),
        Capability.PULL_MERGES: Exempt("changes arrive by webhook; scheduled import is not built yet"),
        Capability.FETCH: Exempt("changes arrive by webhook; scheduled import is not built yet"),
        Capability.DESCRIBE: Exempt("the design document's custom API does not describe itself"),
        Capability.OWNERS: Exempt("the design document's custom API lists no owners"),
        Capability.QUOTA: Exempt("limits are learnt from 429 answers alone"),
        Capability.WEBHOOKS: DONE,
        Capability.WEBHOOK_TIMESTAMP: DONE,
        Capability.FIELD_MAPPINGS: DONE,
        Capability.TRANSFORMATIONS: DONE,
        Capability.TOKEN_REFRESH: Exempt("an API key does not expire by itself; a refused key sets needs_reauth"),
    },
)
