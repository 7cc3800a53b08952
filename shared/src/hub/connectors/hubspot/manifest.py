"""What the HubSpot connector can do."""

from hub.connectors.hubspot import wire
from hub.contracts.connector import DONE, Capability, Exempt, Manifest

_EXEMPT = {
    Capability.BULK: Exempt(
        "HubSpot's only job for records is a CSV import, which tells no ids back; batches of 100 do"
    ),
}

MANIFEST = Manifest(
    crm_type=wire.CRM_TYPE,
    title="HubSpot",
    auth_types=("oauth2", "api_key"),
    scorecard={capability: _EXEMPT.get(capability, DONE) for capability in Capability},
    objects=("lead", "deal"),
    push_batch=1000,  # ten full batches: creates and updates mixed still fill theirs
    push_seconds=90.0,  # up to six calls one after the other: batch, conflicts, their update, properties, deals
    external_id="batch upsert by the unique property mpp_id, which the hub creates; else by e-mail",
)
