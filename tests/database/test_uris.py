import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.uri_parser import parse_uri

from superionic.database.uris import check_server, check_uri, host_of, redact, with_options
from superionic.errors import DatabaseError, NotConfiguredError

PASSWORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1).filter(
    lambda text: text.strip("*") and text not in "mongodb://ann:@db.example.org/?authSource=admin"
)


@given(password=PASSWORDS)
def test_no_password_survives_redaction_even_if_it_was_not_escaped(password):
    uri = f"mongodb://ann:{password}@db.example.org/?authSource=admin"
    assert redact(f"cannot reach {uri} now").endswith("@db.example.org/?authSource=admin now")
    assert f":{password}@" not in redact(uri)
    assert redact(uri).startswith("mongodb://ann:***@")


def test_other_secrets_are_redacted_and_the_rest_is_left():
    uri = "mongodb+srv://host/?tlsCertificateKeyFilePassword=abc&retryWrites=true"
    assert redact(uri) == "mongodb+srv://host/?tlsCertificateKeyFilePassword=***&retryWrites=true"
    assert redact("mongodb://%2Ftmp%2Fa.sock/?journal=true") == "mongodb://%2Ftmp%2Fa.sock/?journal=true"
    assert redact("nothing to hide") == "nothing to hide"


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("mongodb://h", "h"),
        ("mongodb://ann:pw@h1:27017,h2:27018/db?x=y", "h1:27017,h2:27018"),
        ("mongodb+srv://cluster.example.org/", "cluster.example.org"),
        ("mongodb://%2Frun%2Fa.sock/", "/run/a.sock"),
        ("no uri", "?"),
    ],
)
def test_hosts(uri, host):
    assert host_of(uri) == host


@pytest.mark.parametrize("uri", ["mongodb://h", "mongodb://h/", "mongodb://h/db", "mongodb://h/?retryWrites=false"])
def test_options_are_added_so_that_pymongo_reads_them(uri):
    parsed = parse_uri(with_options(uri, journal="true", serverSelectionTimeoutMS="5000"), warn=False)
    assert parsed["options"]["journal"] is True
    assert parsed["options"]["serverSelectionTimeoutMS"] == 5
    assert parsed["database"] == parse_uri(uri)["database"]


def test_options_that_are_there_stay():
    assert with_options("mongodb://h/?journal=false", journal="true") == "mongodb://h/?journal=false"
    assert with_options("mongodb://h/?JOURNAL=false", journal="true") == "mongodb://h/?JOURNAL=false"
    assert with_options("mongodb://h/?w=0", journal="true") == "mongodb://h/?w=0"


@pytest.mark.parametrize("text", ["", "http://h", "localhost:27017", "mongodb://"])
def test_what_is_no_uri_is_refused(text):
    with pytest.raises(NotConfiguredError, match="SETTING"):
        check_uri(text, "SETTING")


def test_a_badly_escaped_password_is_not_shown():
    with pytest.raises(NotConfiguredError) as error:
        check_server("mongodb://ann:s/e@cret@host/", "db", "SETTING")
    assert "cret" not in str(error.value)
    assert error.value.__cause__ is None


def test_an_unreachable_server_is_named_within_three_seconds_without_the_password():
    started = time.monotonic()
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:9.*SETTING") as error:
        check_server("mongodb://ann:s3cret@127.0.0.1:9/?serverSelectionTimeoutMS=60000", "db", "SETTING")
    assert time.monotonic() - started < 3
    assert "s3cret" not in str(error.value)
