"""
Objects and fields as a describe tells them, and the list of all objects.

Decided here: the spelling of every key. What a field is comes from the schema; what the API leaves open is false,
null or empty.
"""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.salesforce.call import Call
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.salesforce.schema.catalog import OBJECTS
from connectors.sandbox.salesforce.schema.field import TEXT, Field, SObject

SOAP_TYPES: Mapping[str, str] = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "int": "xsd:int",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
    "complexvalue": "urn:CustomFieldMetadata",
}
SCOPES = ("everything", "mine", "mine_and_my_groups")
MASTER_RECORD_TYPE = "012000000000000AAA"


def sobject(org: Org, call: Call, name: str) -> dict[str, Any]:
    """Return the describe of one object."""
    found = org.sobject(name)
    return {
        "actionOverrides": [],
        **_facts(found),
        "childRelationships": [_child(*each) for each in found.children],
        "compactLayoutable": True,
        "fields": [field(each) for each in found.fields.values() if not each.hidden],
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [_record_type(call, found)],
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": _scope(scope, found), "name": scope} for scope in SCOPES],
        "urls": {**_urls(call, found), **_pages(call, found)},
    }


def basic(org: Org, call: Call, name: str) -> dict[str, Any]:
    """Return what `sobjects/{T}` says: the short describe."""
    return {"objectDescribe": _short(call, org.sobject(name)), "recentItems": []}


def everything(org: Org, call: Call) -> dict[str, Any]:
    """Return the list of all objects."""
    shown = [_short(call, org.sobject(each.name)) for each in OBJECTS.values() if not each.tooling]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown}


def _facts(found: SObject) -> dict[str, Any]:
    return {
        "activateable": False,
        "createable": found.createable,
        "custom": False,
        "customSetting": False,
        "deletable": found.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": found.mergeable,
        "hasSubtypes": False,
        "isSubtype": False,
        "keyPrefix": found.prefix,
        "label": found.label,
        "labelPlural": found.plural,
        "layoutable": True,
        "mergeable": found.mergeable,
        "mruEnabled": True,
        "name": found.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchLayoutable": True,
        "searchable": True,
        "triggerable": True,
        "undeletable": found.deletable,
        "updateable": found.updateable,
    }


def _short(call: Call, found: SObject) -> dict[str, Any]:
    return {**_facts(found), "urls": _urls(call, found)}


def _scope(scope: str, found: SObject) -> str:
    plural = found.plural.lower()
    return {"everything": f"All {plural}", "mine": f"My {plural}"}.get(scope, f"My and my groups' {plural}")


def _urls(call: Call, found: SObject) -> dict[str, str]:
    base = f"{call.root}/sobjects/{found.name}"
    return {"rowTemplate": f"{base}/{{ID}}", "describe": f"{base}/describe", "sobject": base}


def _pages(call: Call, found: SObject) -> dict[str, str]:
    base = f"{call.root}/sobjects/{found.name}"
    host = f"http://{call.request.headers.get('host', 'localhost')}"
    listed = {"approvalLayouts": f"{base}/describe/approvalLayouts", "listviews": f"{base}/listviews"}
    return {
        **({**listed, "quickActions": f"{base}/quickActions"} if found.listed else {}),
        "compactLayouts": f"{base}/describe/compactLayouts",
        "layouts": f"{base}/describe/layouts",
        "uiDetailTemplate": f"{host}/{{ID}}",
        "uiEditTemplate": f"{host}/{{ID}}/e",
        "uiNewRecord": f"{host}/{found.prefix}/e",
    }


def _record_type(call: Call, found: SObject) -> dict[str, Any]:
    layout = f"{call.root}/sobjects/{found.name}/describe/layouts/{MASTER_RECORD_TYPE}"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "master": True,
        "name": "Master",
        "recordTypeId": MASTER_RECORD_TYPE,
        "urls": {"layout": layout},
    }


def _child(child: str, through: str, relationship: str) -> dict[str, Any]:
    return {
        "cascadeDelete": True,
        "childSObject": child,
        "deprecatedAndHidden": False,
        "field": through,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": relationship,
        "restrictedDelete": False,
    }


def field(found: Field) -> dict[str, Any]:
    """Return one field of a describe."""
    return {
        **_same_for_all(),
        **_nature(found),
        "caseSensitive": found.case_sensitive,
        "compoundFieldName": found.compound,
        "createable": found.createable,
        "custom": found.custom,
        "defaultValue": found.default,
        "defaultedOnCreate": found.defaulted,
        "externalId": found.external_id,
        "extraTypeInfo": found.extra,
        "idLookup": found.id_lookup,
        "label": found.label,
        "length": found.length,
        "name": found.name,
        "nameField": found.name_field,
        "nillable": found.nillable,
        "permissionable": found.nillable and (found.createable or found.updateable) and found.extra != "personname",
        "picklistValues": [_choice(each, found.default) for each in found.values],
        "referenceTo": list(found.refers),
        "relationshipName": found.relationship,
        "restrictedPicklist": found.restricted,
        "type": found.type,
        "unique": found.unique,
        "updateable": found.updateable,
    }


def _nature(found: Field) -> dict[str, Any]:
    """Return what follows from the type of a field."""
    many = len(found.refers) > 1
    address = found.type == "address"
    plain = found.filterable and not address
    return {
        "aggregatable": plain and found.type != "boolean",
        "byteLength": 3 * found.length if found.type in TEXT and found.type not in ("id", "reference") else found.length,
        "digits": found.precision if found.type == "int" else 0,
        "filterable": found.filterable,
        "groupable": plain and found.type not in ("double", "currency", "percent", "datetime"),
        "namePointing": many,
        "polymorphicForeignKey": many,
        "precision": 0 if found.type == "int" else found.precision,
        "queryByDistance": address,
        "scale": found.scale,
        "searchPrefilterable": found.type == "reference" and found.createable,
        "soapType": SOAP_TYPES.get(found.type, "xsd:string"),
        "sortable": plain,
    }


def _same_for_all() -> dict[str, Any]:
    never = (
        *(
            "autoNumber",
            "calculated",
            "cascadeDelete",
            "dependentPicklist",
            "deprecatedAndHidden",
            "displayLocationInDecimal",
        ),
        *("encrypted", "highScaleNumber", "htmlFormatted", "restrictedDelete", "writeRequiresMasterRead"),
    )
    unknown = (
        *(
            "calculatedFormula",
            "controllerName",
            "defaultValueFormula",
            "filteredLookupInfo",
            "inlineHelpText",
            "mask",
            "maskType",
        ),
        *("referenceTargetField", "relationshipOrder"),
    )
    return {**dict.fromkeys(never, False), **dict.fromkeys(unknown)}


def _choice(value: str, default: Any) -> dict[str, Any]:
    return {"active": True, "defaultValue": value == default, "label": value, "validFor": None, "value": value}
