"""`superionic init`: flags, questions, and what happens to the password."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from superionic.cli.console import seconds
from superionic.cli.init import PASSWORD, URI
from superionic.cli.main import app
from superionic.errors import DatabaseError, InputError

SECRET = "s/cret@1"  # noqa: S105 (not used anywhere)
USER_URI = "mongodb://ann@127.0.0.1:9/?authSource=admin"


def init(folder, *options, **variables):
    return CliRunner().invoke(app, ["init", str(folder), *options], env={URI: None, PASSWORD: None, **variables})


def text(folder):
    return "\n".join(path.read_text() for path in sorted(Path(folder).iterdir()))


def test_the_password_comes_from_the_environment_and_is_quoted(tmp_path):
    done = init(tmp_path / "c", "--mongo-uri", USER_URI, "--no-check", "--partition", "normal", **{PASSWORD: SECRET})
    assert done.exit_code == 0, done.output
    found = (tmp_path / "c" / "my_launchpad.yaml").read_text()
    assert 'host: "mongodb://ann:s%2Fcret%401@127.0.0.1:9/?authSource=admin"' in found
    assert SECRET not in done.output
    assert "s%2Fcret%401" not in done.output
    assert f"source {tmp_path}/c/env.sh" in done.output


@pytest.mark.parametrize(
    "uri", ["mongodb://host:27017/", "mongodb://h1,h2/?appName=a@b", "mongodb://h/?authMechanism=MONGODB-X509&tls=true"]
)
def test_a_server_without_login_needs_no_password(tmp_path, uri):
    assert init(tmp_path / "c", "--mongo-uri", uri, "--no-check").exit_code == 0
    assert f'host: "{uri}"' in (tmp_path / "c" / "my_launchpad.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "which MongoDB server"),
        (["--mongo-uri", "local"], "compute nodes cannot reach it"),
        (["--mongo-uri", f"mongodb://ann:{SECRET}@host/"], "list of processes"),
        (["--mongo-uri", USER_URI], "user ann needs a password"),
        (["--mongo-uri", "mongodb://host/", "--batch", "lsf"], "slurm, pbs, sge"),
    ],
)
def test_what_is_missing_or_unsafe_is_bad_input(tmp_path, options, words):
    done = init(tmp_path / "c", *options)
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)
    assert SECRET not in str(done.exception)
    assert not (tmp_path / "c").exists()


def test_a_server_that_does_not_answer_stops_it_before_anything_is_written(tmp_path):
    done = init(tmp_path / "c", "--mongo-uri", USER_URI, **{PASSWORD: SECRET})
    assert isinstance(done.exception, DatabaseError)
    assert "--no-check" in str(done.exception)
    assert not (tmp_path / "c").exists()


def test_it_can_be_repeated_and_keeps_what_was_edited(tmp_path):
    given = ["--no-check", "--account", "mine", "--walltime", "12h"]
    variables = {URI: f"mongodb://ann:{SECRET.replace('/', '%2F').replace('@', '%40')}@127.0.0.1:9/"}
    first = init(tmp_path / "c", *given, **variables)
    assert first.exit_code == 0
    assert f"unset {URI}" in first.output
    before = text(tmp_path / "c")
    again = init(tmp_path / "c", *given, "--json", **variables)
    assert json.loads(again.stdout)["written"] == []
    assert text(tmp_path / "c") == before
    other = init(tmp_path / "c", "--no-check", "--account", "yours", "--walltime", "12h", **variables)
    assert other.exit_code == 1
    assert '+account: "yours"' in other.output
    assert text(tmp_path / "c") == before
    forced = init(tmp_path / "c", "--no-check", "--account", "yours", "--walltime", "12h", "--force", **variables)
    assert forced.exit_code == 0
    assert 'account: "yours"' in (tmp_path / "c" / "my_qadapter_gpu.yaml").read_text()
    assert 'account: "mine"' in (tmp_path / "c" / "my_qadapter_gpu.yaml.bak").read_text()


def test_at_a_terminal_it_asks(tmp_path, monkeypatch):
    import superionic.cli.init as module

    class Terminal:
        def isatty(self):
            return True

    asked = {"MongoDB URI": USER_URI, "password of ann": SECRET, "time limit": "90m", "account": "mine", "cores": "64"}

    def prompt(question, default="", hide_input=False, value_proc=str, **_):
        assert hide_input == question.startswith("password")
        given = next((answer for words, answer in asked.items() if question.startswith(words)), None)
        return default if given is None else value_proc(given)

    monkeypatch.delenv(URI, raising=False)
    monkeypatch.delenv(PASSWORD, raising=False)
    monkeypatch.setattr(module.sys, "stdin", Terminal())
    monkeypatch.setattr(module.typer, "prompt", prompt)
    module.init(tmp_path / "c", check=False)
    adapter = (tmp_path / "c" / "my_qadapter_vasp.yaml").read_text()
    assert all(line in adapter for line in ('walltime: "01:30:00"', "ntasks_per_node: 64", 'account: "mine"'))
    assert "mongodb://ann:s%2Fcret%401@" in (tmp_path / "c" / "jobflow.yaml").read_text()
    assert os.fspath(tmp_path) in adapter


def test_times_are_read_as_people_write_them():
    assert [seconds(text) for text in ("13800", "3h50m", "1.5h", "2d", "5m")] == [13800, 13800, 5400, 172800, 300]
    for text in ("3h 50m", "soon", "", "5x"):
        with pytest.raises(Exception, match="is no time"):
            seconds(text)
