"""What the Pipedrive connector can do."""

from hub.contracts.connector import DONE, Capability, Exempt, Manifest

MANIFEST = Manifest(
    crm_type="pipedrive",
    title="Pipedrive",
    auth_types=("oauth2", "api_key"),
    scorecard={
        Capability.PUSH: DONE,
        Capability.BATCH_PUSH: DONE,  # one write a person, but what has to be read first is read for all at once
        Capability.BULK: Exempt("Pipedrive's API has no jobs and no batch writes"),
        Capability.IDEMPOTENT_CREATE: DONE,  # in doubt the newest persons are read, then the reference is searched
        Capability.UPSERT: Exempt("Pipedrive's API has none: look-up, then create or update"),
        Capability.DELETE: DONE,
        Capability.COMPANIONS: DONE,  # a deal; before it an item in the Leads Inbox, if that is configured
        Capability.PULL: DONE,
        Capability.PULL_CHANGES: DONE,
        Capability.PULL_DELETES: DONE,  # from the list of recent changes; a full reading asks for what it missed
        Capability.PULL_MERGES: Exempt("merges are told by webhook alone; a poll sees the loser as deleted"),
        Capability.FETCH: DONE,
        Capability.DESCRIBE: DONE,
        Capability.OWNERS: DONE,
        Capability.WEBHOOKS: DONE,
        Capability.WEBHOOK_TIMESTAMP: Exempt("Pipedrive signs nothing: HTTP Basic over https is all it offers"),
        Capability.FIELD_MAPPINGS: DONE,
        Capability.TRANSFORMATIONS: DONE,
        Capability.TOKEN_REFRESH: DONE,
        Capability.QUOTA: DONE,
    },
    objects=("lead", "deal"),
    push_batch=100,
    push_seconds=60.0,
    external_id="the person's custom field “MPP ID”; looked for among the newest persons, then by search",
)
