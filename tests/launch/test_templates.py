"""The launchpad templates: complete, explained, right for the programs that read them, the same by hand."""

import re
import shutil
import stat
import subprocess
from dataclasses import replace
from inspect import signature
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from superionic.errors import InputError, NotConfiguredError
from superionic.flows.stages import Category
from superionic.launch.liveness import HEARTBEAT_LIMIT_S
from superionic.launch.templates import BY_HAND, TEMPLATES, Answers, BatchSystem, fill, write_files

REPOSITORY = Path(__file__).parents[2]
PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*>")
PASSWORD = "p%40ss-w0rd"  # noqa: S105 (not used anywhere)
ALL_QUEUES = dict.fromkeys(("vasp", "gpu", "cpu"), "normal")


def answers(folder=Path("/shared/a folder"), **changes):
    plain = Answers(
        folder,
        f"mongodb://ann:{PASSWORD}@mongo.example.org/?authSource=admin",
        activate="source /opt/venv/bin/activate",
        queues=ALL_QUEUES,
        account="0123",
    )
    return replace(plain, **changes)


def template_files():
    return [path for path in sorted(TEMPLATES.rglob("*")) if path.is_file()]


def load(text):
    return YAML(typ="safe", pure=True).load(text)


def written(folder, **changes):
    write_files(folder, fill(answers(folder, **changes)))
    return folder


def test_the_repository_and_the_package_have_the_same_templates():
    assert TEMPLATES.resolve() == (REPOSITORY / "launchpad_templates").resolve()
    names = {path.name for path in TEMPLATES.iterdir()}
    for category in Category:
        assert {f"my_fworker_{category}.yaml", f"my_qadapter_{category}.yaml"} <= names
    assert {"my_launchpad.yaml", "FW_config.yaml", "jobflow.yaml", "atomate2.yaml", "superionic.yaml"} <= names


def test_every_placeholder_is_asked_for_and_every_answer_is_used():
    by_hand = (TEMPLATES / BY_HAND).read_text()
    used = {name for path in template_files() if path.name != BY_HAND for name in PLACEHOLDER.findall(path.read_text())}
    assert used == {f"<{name}>" for name in answers().values()}
    assert used == set(PLACEHOLDER.findall("\n".join(re.findall(r"^(?:s\||/).*$", by_hand, re.MULTILINE))))


@pytest.mark.parametrize("path", [p for p in template_files() if p.suffix in {".yaml", ".sh"}], ids=str)
def test_each_line_is_explained(path):
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        above = lines[max(0, number - 3) : number]
        assert any(text.lstrip().startswith("#") for text in above), f"{path.name}: {line}"


@pytest.mark.parametrize("system", BatchSystem)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_filled_files_are_complete_yaml(system, device):
    files = fill(answers(batch_system=system, device=device))
    assert BY_HAND not in files
    assert not [name for name, text in files.items() if PLACEHOLDER.search(text)]
    for name, text in files.items():
        if name.endswith(".yaml"):
            assert isinstance(load(text), dict), name
    assert load(files["my_qadapter_vasp.yaml"])["account"] == "0123"  # not the number 123


def test_lines_without_a_value_are_left_out():
    files = fill(answers(account="", queues={}))
    adapter = load(files["my_qadapter_gpu.yaml"])
    assert not {"account", "queue", "gpus_per_node"} & set(adapter)
    assert "PMG_VASP_PSP_DIR" not in files["env.sh"]
    assert load(fill(answers(device="cuda"))["my_qadapter_gpu.yaml"])["gpus_per_node"] == 1


@pytest.mark.skipif(shutil.which("sed") is None, reason="by hand means with sed")
@pytest.mark.parametrize("system", BatchSystem)
def test_filling_by_hand_gives_the_same(tmp_path, system):
    command = f"sed -i -f {BY_HAND} *.yaml env.sh"
    assert command in (REPOSITORY / "docs" / "howto" / "launchpad-templates.md").read_text()
    shutil.copytree(TEMPLATES, tmp_path / "config")
    if system is not BatchSystem.SLURM:
        shutil.copytree(TEMPLATES / system, tmp_path / "config", dirs_exist_ok=True)
    given = answers(tmp_path / "config", device="cuda", potcar_dir="/potcars", batch_system=system)
    script = (TEMPLATES / BY_HAND).read_text()
    for name, value in given.values().items():
        script = re.sub(
            rf"^s\|<{name}>\|.*\|g$", lambda _, n=name, v=value: f"s|<{n}>|{v}|g", script, flags=re.MULTILINE
        )
    (tmp_path / "config" / BY_HAND).write_text(script)
    subprocess.run(["bash", "-c", command], cwd=tmp_path / "config", check=True)
    for name, text in fill(given).items():
        assert (tmp_path / "config" / name).read_text() == text, name


def test_the_programs_read_what_is_meant(tmp_path, monkeypatch):
    from atomate2.settings import Atomate2Settings
    from fireworks import FWorker, LaunchPad, fw_config
    from jobflow.settings import JobflowSettings

    from superionic.settings import load_settings

    folder = written(tmp_path / "a folder", device="cuda", vasp_command='srun --export="A=\\"b" vasp_std')
    pad = load((folder / "my_launchpad.yaml").read_text())
    assert set(pad) <= set(signature(LaunchPad.__init__).parameters)
    assert pad["mongoclient_kwargs"]["serverSelectionTimeoutMS"] >= 120_000
    store = JobflowSettings(CONFIG_FILE=str(folder / "jobflow.yaml")).JOB_STORE
    assert set(store.additional_stores) == {"data", "trajectories", "models"}
    for each in (store.docs_store, *store.additional_stores.values()):
        assert each.uri == pad["host"]
        assert each.mongoclient_kwargs == pad["mongoclient_kwargs"]
    settings = load((folder / "FW_config.yaml").read_text())
    assert set(settings) <= set(fw_config.config_to_dict())
    assert 2 * settings["PING_TIME_SECS"] <= HEARTBEAT_LIMIT_S
    for name in ("LAUNCHPAD_LOC", "FWORKER_LOC", "QUEUEADAPTER_LOC"):
        assert Path(settings[name]).is_file()
    for category in Category:
        assert FWorker.from_file(str(folder / f"my_fworker_{category}.yaml")).category == [category]
    assert Atomate2Settings(CONFIG_FILE=str(folder / "atomate2.yaml")).VASP_CMD == 'srun --export="A=\\"b" vasp_std'
    monkeypatch.setenv("SUPERIONIC_CONFIG_FILE", str(folder / "superionic.yaml"))
    assert load_settings().device == "cuda"


DIRECTIVES = {
    BatchSystem.SLURM: ["--time=23:00:00", "--partition=normal", "--account=0123", "--signal=B:INT@300"],
    BatchSystem.PBS: ["-l walltime=23:00:00", "-q normal", "-A 0123", "-l select=1:ncpus="],
    BatchSystem.SGE: ["-l h_rt=23:00:00", "-q normal", "-A 0123", "-pe mpi 32"],
}


@pytest.mark.filterwarnings("error:Key .* has been specified in qadapter")
@pytest.mark.parametrize("system", BatchSystem)
def test_batch_scripts_hold_every_request_and_are_shell(tmp_path, system):
    from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

    folder = written(tmp_path / "a folder", batch_system=system, walltime_s=82800)
    scripts = {}
    for category in Category:
        adapter = CommonAdapter.from_file(str(folder / f"my_qadapter_{category}.yaml"))
        scripts[category] = adapter.get_script_str(str(tmp_path))
        assert subprocess.run(["bash", "-n"], input=scripts[category], text=True, check=False).returncode == 0
        assert "exec" in scripts[category]
    for directive in DIRECTIVES[system]:
        assert directive in scripts[Category.VASP]
    assert "singleshot" in scripts[Category.VASP]  # `qlaunch -r` asks for this word
    assert "worker --category gpu --timeout 82200 --idle 300" in scripts[Category.GPU]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config_dir": Path("/a/$HOME")}, "not possible in its path"),
        ({"potcar_dir": 'a"b'}, "POTCAR folder"),
        ({"account": "a b"}, "account 'a b'"),
        ({"queues": {"gpu": "x; rm"}}, "partition for gpu"),
        ({"walltime_s": 600}, "20 minutes"),
        ({"activate": "a\nb"}, "line break"),
        ({"mongo_uri": 'mongodb://a:b"c@host/'}, "percent-encode"),
        ({"batch_system": BatchSystem.PBS, "queues": {"cpu": "q"}}, "--partition"),
    ],
)
def test_answers_that_would_mean_something_else_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        fill(answers(**changes))


def test_no_uri_is_refused_and_never_shown():
    with pytest.raises(NotConfiguredError, match="no MongoDB URI"):
        fill(answers(mongo_uri="localhost"))
    assert PASSWORD not in repr(answers())


def test_files_are_private_and_written_once(tmp_path):
    folder, files = tmp_path / "config", fill(answers(tmp_path / "config"))
    assert set(write_files(folder, files).written) == set(files)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in files} == {0o600}
    again = write_files(folder, files)
    assert (again.written, again.kept, again.diff) == ((), (), "")


def test_an_edited_file_is_shown_and_kept_unless_forced(tmp_path):
    folder, name = tmp_path / "config", "my_launchpad.yaml"
    files = fill(answers(folder))
    write_files(folder, files)
    edited = files[name].replace("WARNING\n", "INFO\n").replace("example.org", "example.com")
    (folder / name).write_text(edited)
    kept = write_files(folder, files)
    assert kept.kept == (name,)
    assert "+strm_lvl: WARNING" in kept.diff
    assert "mongo.example.com" in kept.diff
    assert PASSWORD not in kept.diff
    assert (folder / name).read_text() == edited
    assert write_files(folder, files, force=True).written == (name,)
    assert (folder / name).read_text() == files[name]
    assert (folder / f"{name}.bak").read_text() == edited
    assert stat.S_IMODE((folder / f"{name}.bak").stat().st_mode) == 0o600
