"""From the text after WHERE to a tree of conditions."""

from simulators.salesforce.soql.reader import Reader
from simulators.salesforce.soql.syntax import Both, Comparison, Condition, Either, Literals, Negation
from simulators.salesforce.soql.tokens import unquoted
from simulators.salesforce.times import literal

_SIGNS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_LISTED = ("IN", "INCLUDES", "EXCLUDES")


def condition(read: Reader) -> Condition:
    """Conditions joined by AND, or by OR; both at one level need parentheses, as SOQL has it."""
    parts = [_one(read)]
    joint = next((word for word in ("AND", "OR") if read.peek.word == word), None)
    while joint and read.accept(joint):
        parts.append(_one(read))
    if read.peek.word in ("AND", "OR"):
        raise read.unexpected()
    if len(parts) == 1:
        return parts[0]
    return Both(tuple(parts)) if joint == "AND" else Either(tuple(parts))


def _one(read: Reader) -> Condition:
    if read.accept("NOT"):
        return Negation(_one(read))
    if read.accept("("):
        inner = condition(read)
        read.keyword(")")
        return inner
    path = read.name()
    if read.peek.kind == "sign" and read.peek.text in _SIGNS:
        return Comparison(path, _SIGNS[read.take().text], _value(read))
    if read.accept("LIKE"):
        return Comparison(path, "LIKE", _pattern(read))
    negated = read.accept("NOT")
    word = read.peek.word
    if word not in _LISTED or (negated and word != "IN"):
        raise read.unexpected()
    read.take()
    return Comparison(path, "NOT IN" if negated else word, _list(read))


def _list(read: Reader) -> Literals:
    read.keyword("(")
    values = [_value(read)]
    while read.accept(","):
        values.append(_value(read))
    read.keyword(")")
    return Literals("list", tuple(values))


def _pattern(read: Reader) -> Literals:
    if read.peek.kind != "string":
        raise read.unexpected()
    return Literals("string", unquoted(read.take().text, keep_wildcards=True))


def _value(read: Reader) -> Literals:
    token = read.peek
    if token.kind in ("sign", "end"):
        raise read.unexpected()
    read.take()
    if token.kind == "string":
        return Literals("string", unquoted(token.text))
    if token.kind == "number":
        return Literals("number", float(token.text))
    if token.kind == "datetime":
        moment = literal(token.text)
        if moment is None:
            raise read.complain(f"Invalid datetime: {token.text}", token.at)
        return Literals("datetime", moment)
    if token.kind == "date":
        return Literals("date", token.text)
    if token.word in ("TRUE", "FALSE"):
        return Literals("boolean", token.word == "TRUE")
    if token.word == "NULL":
        return Literals("null", None)
    return Literals("period", token.text.upper())
