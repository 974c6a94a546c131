import pytest
from ruamel.yaml import YAML

from superionic.database.configuration import UserFiles, find_user_files, store_lines, write_configuration
from superionic.errors import NotConfiguredError


def _load(path):
    return YAML(typ="safe").load(path.read_text())


@pytest.fixture
def places(tmp_path):
    project, home = tmp_path / "project", tmp_path / "home"
    (home / ".fireworks").mkdir(parents=True)
    project.mkdir()
    return project, home


def _write(path, text="name: fw\nhost: h\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_hold_the_uri_and_are_private(tmp_path):
    folder = tmp_path / "config"
    write_configuration(folder, "mongodb://ann:s3cret@h/?journal=true", "db1")
    assert {path.name for path in folder.iterdir()} == {
        "my_launchpad.yaml",
        "my_fworker.yaml",
        "FW_config.yaml",
        "jobflow.yaml",
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    pad, jobflow = _load(folder / "my_launchpad.yaml"), _load(folder / "jobflow.yaml")["JOB_STORE"]
    assert (pad["host"], pad["name"], pad["uri_mode"]) == ("mongodb://ann:s3cret@h/?journal=true", "db1", True)
    assert jobflow["docs_store"]["type"] == "MongoStore"  # the URI variant does not survive FireWorks
    assert set(jobflow["additional_stores"]) == {"data", "trajectories", "models"}
    assert _load(folder / "FW_config.yaml")["LAUNCHPAD_LOC"] == str(folder / "my_launchpad.yaml")


def test_nothing_configured(places):
    assert find_user_files(*places[:1], {}, places[1]) == UserFiles(None, None, None)


def test_files_written_by_superionic_are_not_the_users(places):
    project, home = places
    write_configuration(project / "c", "mongodb://h", "db")
    variables = {
        "FW_CONFIG_FILE": str(project / "c" / "FW_config.yaml"),
        "JOBFLOW_CONFIG_FILE": str(project / "c" / "jobflow.yaml"),
    }
    assert find_user_files(project, variables, home) == UserFiles(None, None, None)


def test_the_environment_comes_before_the_home_folder(places):
    project, home = places
    _write(home / ".fireworks" / "my_launchpad.yaml")
    _write(home / ".jobflow.yaml")
    found = find_user_files(project, {}, home)
    assert (found.launchpad, found.jobflow) == (home / ".fireworks" / "my_launchpad.yaml", home / ".jobflow.yaml")

    pad = _write(project / "etc" / "pad.yaml")
    config = _write(project / "etc" / "FW_config.yaml", f"LAUNCHPAD_LOC: {pad}\n")
    jobflow = _write(project / "etc" / "jobflow.yaml")
    variables = {"FW_CONFIG_FILE": str(config), "JOBFLOW_CONFIG_FILE": str(jobflow)}
    assert find_user_files(project, variables, home) == UserFiles(config, pad, jobflow)


def test_config_file_dir_is_searched(places):
    project, home = places
    pad = _write(project / "etc" / "my_launchpad.yaml")
    _write(home / ".fireworks" / "FW_config.yaml", f"CONFIG_FILE_DIR: {project / 'etc'}\n")
    assert find_user_files(project, {}, home).launchpad == pad


@pytest.mark.parametrize("variable", ["FW_CONFIG_FILE", "JOBFLOW_CONFIG_FILE"])
def test_a_variable_that_names_nothing_is_an_error(places, variable):
    with pytest.raises(NotConfiguredError, match=variable):
        find_user_files(places[0], {variable: "/nowhere/x.yaml"}, places[1])


def test_a_damaged_file_is_named(places):
    config = _write(places[0] / "FW_config.yaml", "a: [1\n")
    with pytest.raises(NotConfiguredError, match=str(config)):
        find_user_files(places[0], {}, places[1])


def test_store_lines_can_be_pasted():
    stores = YAML(typ="safe").load(store_lines(("models",)))["JOB_STORE"]["additional_stores"]
    assert stores["models"]["type"] == "GridFSStore"
