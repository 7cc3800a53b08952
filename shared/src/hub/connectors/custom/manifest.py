"""What the custom REST CRM connector can do."""

from hub.contracts.connector import DONE, Capability, Exempt, Manifest

MANIFEST = Manifest(
    crm_type="custom",
    title="Custom REST CRM",
    auth_types=("api_key",),
    scorecard={
        Capability.PUSH: DONE,
        Capability.BATCH_PUSH: Exempt("REST APIs of this kind take one record a call"),
        Capability.BULK: Exempt("REST APIs of this kind have no jobs"),
        Capability.IDEMPOTENT_CREATE: DONE,  # write-ahead intent, then a look-up by reference before a retry
        Capability.UPSERT: Exempt("REST APIs of this kind have none: look-up, then create or update"),
        Capability.DELETE: DONE,  # where endpoints.delete_lead is configured
        Capability.COMPANIONS: Exempt("the design document's custom API knows leads only"),
        Capability.PULL: DONE,
        Capability.PULL_CHANGES: DONE,  # by the incremental filter; without one the list is read and compared
        Capability.PULL_DELETES: DONE,  # by a field that tells, and by what a full reading does not meet
        Capability.PULL_MERGES: Exempt("merges are told by webhook alone; a poll sees the loser as deleted"),
        Capability.FETCH: DONE,
        Capability.DESCRIBE: DONE,  # from a page of records
        Capability.OWNERS: Exempt("REST APIs of this kind list no owners that could be told by configuration"),
        Capability.WEBHOOKS: DONE,
        Capability.WEBHOOK_TIMESTAMP: DONE,
        Capability.FIELD_MAPPINGS: DONE,
        Capability.TRANSFORMATIONS: DONE,
        Capability.TOKEN_REFRESH: Exempt("an API key does not expire by itself; a refused key sets needs_reauth"),
        Capability.QUOTA: DONE,  # by the configuration's rate_limit, and 429 answers
    },
    exact_fields=False,
    external_id="the hub's reference in reference_field, looked up before a create is repeated",
)
