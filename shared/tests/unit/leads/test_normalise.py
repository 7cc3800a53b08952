"""The shortcuts for common e-mails and phones decide exactly as the libraries do."""

import email_validator
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.leads.normalise import email, normalise, phone


def library_email(text: str) -> str | None:
    try:
        return email_validator.validate_email(text.strip().lower(), check_deliverability=False).normalized.lower()
    except (email_validator.EmailNotValidError, ValueError):
        return None


def library_phone(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text.strip(), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


LABEL = st.text("abcxyz019-_+.", min_size=1, max_size=44)
DOMAIN = st.lists(st.text("abcxn019-", min_size=1, max_size=42), min_size=1, max_size=5).map(".".join)
ADDRESS = st.builds(
    "{}@{}.{}".format, LABEL, DOMAIN, st.sampled_from(["com", "test", "local", "x", "onion", "c0m", "de"])
)


@given(ADDRESS | st.emails() | st.text(max_size=30))
def test_email_equals_the_library(text: str) -> None:
    assert email(text) == library_email(text)


FORMATS = ("{0}{1}{2}", "({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}", "+1 {0} {1} {2}", "1-{0}-{1}-{2}", "+1{0}{1}{2}",
           "({0}){1}{2}", " {0} {1}-{2} ")  # fmt: skip
DIGITS3 = st.text("0123456789", min_size=3, max_size=3)
US_NUMBER = st.builds(
    lambda shape, area, exchange, line: shape.format(area, exchange, line),
    st.sampled_from(FORMATS),
    DIGITS3 | st.sampled_from(["210", "212", "800", "900", "988", "555", "787", "416", "340"]),
    DIGITS3,
    st.text("0123456789", min_size=4, max_size=4),
)


@given(US_NUMBER | st.text("0123456789+-(). x", max_size=20) | st.text(max_size=15))
def test_phone_equals_the_library(text: str) -> None:
    assert phone(text, "US") == library_phone(text, "US")


@pytest.mark.parametrize(
    ("typed", "region", "expected"),
    [
        ("210-555-0123", "US", "+12105550123"),
        ("030 901820", "DE", "+4930901820"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("555-0123", "US", None),
        ("n/a", "US", None),
    ],
)
def test_phones_of_the_world(typed: str, region: str, expected: str | None) -> None:
    assert phone(typed, region) == expected


def test_a_doubtful_value_is_kept_as_typed_and_not_matched_by() -> None:
    result = normalise({"email": "john at example.com", "phone": "call me", "first_name": "  Ann\t Marie "}, "US")
    assert result.fields == {"email": "john at example.com", "phone": "call me", "first_name": "Ann Marie"}
    assert (result.email, result.phone) == (None, None)
    assert [doubt.code for doubt in result.doubts] == ["INVALID_EMAIL", "INVALID_PHONE"]
