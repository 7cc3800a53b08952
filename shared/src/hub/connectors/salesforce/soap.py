"""Outbound messages: SOAP 1.1 notifications, read without entities or document types.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_wsdl.htm
"""

from dataclasses import dataclass, field
from xml.parsers import expat

from hub.contracts.errors import Invalid, Malformed

OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SOBJECT_NAMESPACES = ("urn:sobject.enterprise.soap.sforce.com", "urn:sobject.partner.soap.sforce.com")
_MOST_NOTIFICATIONS, _MOST_FIELDS, _MOST_DEPTH = 100, 1000, 16

ACK = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)


@dataclass(slots=True)
class Notification:
    """One record of a message, as it is when the message is sent."""

    id: str = ""
    object: str = ""  # Lead
    fields: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class Message:
    """An outbound message."""

    organization_id: str = ""
    notifications: list[Notification] = field(default_factory=list)


def read(body: bytes) -> Message:
    """The message in a body. Raises Malformed for what is no XML (or more than XML), Invalid for another document."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise Malformed("the body is not well-formed XML") from None
    except (UnicodeDecodeError, LookupError, ValueError):
        raise Malformed("the body's encoding is not understood") from None
    if not reader.seen:
        raise Invalid("there are no notifications in the envelope", field="notifications")
    return reader.message


def _refuse_doctype(*_declared: object) -> None:
    raise Malformed("document types are not read")


class _Reader:
    """Follows the elements; the path tells where it is."""

    def __init__(self) -> None:
        self.message, self.seen = Message(), False
        self._path: list[str] = []
        self._words: list[str] = []
        self._nil = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _MOST_DEPTH:
            raise Invalid(f"nested more than {_MOST_DEPTH} deep", field="notifications")
        self._words, self._nil = [], attributes.get(f"{_XSI} nil") in ("true", "1")
        if name == f"{OUTBOUND} notifications":
            self.seen = True
        elif name == f"{OUTBOUND} Notification":
            if len(self.message.notifications) >= _MOST_NOTIFICATIONS:
                raise Invalid(f"more than {_MOST_NOTIFICATIONS} notifications", field="notifications")
            self.message.notifications.append(Notification())
        elif name == f"{OUTBOUND} sObject" and self.message.notifications:
            kind = attributes.get(f"{_XSI} type", "")
            self.message.notifications[-1].object = kind.rpartition(":")[2]

    def text(self, data: str) -> None:
        self._words.append(data)

    def end(self, name: str) -> None:
        parent = self._path[-2] if len(self._path) > 1 else ""
        value = None if self._nil else "".join(self._words)
        if name == f"{OUTBOUND} OrganizationId":
            self.message.organization_id = (value or "").strip()
        elif name == f"{OUTBOUND} Id" and parent == f"{OUTBOUND} Notification":
            self.message.notifications[-1].id = (value or "").strip()
        elif parent == f"{OUTBOUND} sObject" and self.message.notifications:
            self._field(name, value)
        self._path.pop()
        self._words, self._nil = [], False

    def _field(self, name: str, value: str | None) -> None:
        namespace, _, local = name.rpartition(" ")
        fields = self.message.notifications[-1].fields
        if namespace in _SOBJECT_NAMESPACES:
            if len(fields) >= _MOST_FIELDS:
                raise Invalid(f"more than {_MOST_FIELDS} fields", field="sObject")
            fields[local] = value
