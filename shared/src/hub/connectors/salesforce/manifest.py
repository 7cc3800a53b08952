"""What the Salesforce connector can do."""

from hub.connectors.salesforce.wire import COLLECTION
from hub.contracts.connector import DONE, Capability, Exempt, Manifest

MANIFEST = Manifest(
    crm_type="salesforce",
    title="Salesforce",
    auth_types=("oauth2",),
    scorecard={
        Capability.PUSH: DONE,
        Capability.BATCH_PUSH: DONE,  # collections
        Capability.BULK: DONE,  # Bulk API 2.0: ingest and query
        Capability.IDEMPOTENT_CREATE: DONE,
        Capability.UPSERT: DONE,
        Capability.DELETE: DONE,
        Capability.COMPANIONS: DONE,  # contact and opportunity
        Capability.PULL: DONE,
        Capability.PULL_CHANGES: DONE,
        Capability.PULL_DELETES: DONE,
        Capability.PULL_MERGES: DONE,
        Capability.FETCH: DONE,
        Capability.DESCRIBE: DONE,
        Capability.OWNERS: DONE,
        Capability.WEBHOOKS: DONE,
        Capability.WEBHOOK_TIMESTAMP: Exempt("outbound messages carry no time of sending; they are known by their ids"),
        Capability.FIELD_MAPPINGS: DONE,
        Capability.TRANSFORMATIONS: DONE,
        Capability.TOKEN_REFRESH: DONE,
        Capability.QUOTA: DONE,
    },
    objects=("lead", "contact", "opportunity"),
    push_batch=COLLECTION,
    bulk_batch=10_000,
    bulk_threshold=2000,
    push_seconds=900.0,
    external_id="upsert by the external id field MPP_Id__c; where the org has none, a look-up by e-mail first",
)
