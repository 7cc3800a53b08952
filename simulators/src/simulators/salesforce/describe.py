"""Objects and fields in the words of describe.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm
"""

from typing import Any

from simulators.salesforce.fields import Field
from simulators.salesforce.schema import ObjectType

_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
    "address": "urn:address",
}  # fmt: skip


def summary(kind: ObjectType, base: str) -> dict[str, Any]:
    """The object without its fields."""
    own = f"{base}/sobjects/{kind.name}"
    writable = kind.writable
    return {
        "name": kind.name, "label": kind.label, "labelPlural": kind.plural, "keyPrefix": kind.prefix,
        "custom": kind.name.endswith("__c"), "customSetting": False, "activateable": False,
        "createable": writable, "updateable": writable, "deletable": writable, "undeletable": writable,
        "mergeable": writable and kind.field("MasterRecordId") is not None, "queryable": True, "retrieveable": True,
        "replicateable": True, "searchable": writable, "triggerable": writable, "layoutable": writable,
        "deprecatedAndHidden": False, "feedEnabled": False, "mruEnabled": writable,
        "urls": {"sobject": own, "describe": f"{own}/describe", "rowTemplate": f"{own}/{{ID}}"},
    }  # fmt: skip


def described(kind: ObjectType, base: str) -> dict[str, Any]:
    """The object with its fields."""
    master = {
        "active": True, "available": True, "defaultRecordTypeMapping": True, "developerName": "Master",
        "master": True, "name": "Master", "recordTypeId": "012000000000000AAA",
    }  # fmt: skip
    return {
        **summary(kind, base),
        "fields": [_field(each) for each in kind.fields.values()],
        "recordTypeInfos": [master],
        "childRelationships": [],
        "namedLayoutInfos": [],
        "supportedScopes": [{"label": f"All {kind.plural.lower()}", "name": "everything"}],
    }


def _field(field: Field) -> dict[str, Any]:
    choices = [
        {"active": each.active, "defaultValue": each.default, "label": each.label, "validFor": None,
         "value": each.value} for each in field.choices
    ]  # fmt: skip
    searchable = field.type not in ("address", "textarea")
    return {
        "name": field.name, "label": field.label, "type": field.type, "length": field.length,
        "byteLength": field.length * 3, "precision": field.precision, "scale": field.scale,
        "digits": field.precision if field.type == "int" else 0, "soapType": _SOAP.get(field.type, "xsd:string"),
        "nillable": not field.required and field.type != "boolean", "defaultedOnCreate": field.defaulted,
        "createable": field.createable, "updateable": field.updateable, "externalId": field.external,
        "unique": field.unique, "idLookup": field.id_lookup, "custom": field.custom, "calculated": False,
        "caseSensitive": False, "filterable": searchable, "sortable": searchable, "groupable": searchable,
        "aggregatable": searchable, "compoundFieldName": field.compound, "picklistValues": choices,
        "restrictedPicklist": field.restricted, "dependentPicklist": False, "controllerName": None,
        "referenceTo": list(field.refers_to), "relationshipName": field.relationship, "relationshipOrder": None,
        "autoNumber": False, "encrypted": False, "htmlFormatted": False, "nameField": field.name == "Name",
        "namePointing": len(field.refers_to) > 1, "permissionable": field.createable and not field.required,
        "defaultValue": False if field.type == "boolean" else None, "inlineHelpText": None,
        "deprecatedAndHidden": False, "polymorphicForeignKey": len(field.refers_to) > 1,
    }  # fmt: skip
