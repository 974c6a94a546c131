"""YAML blocks are parts of campaign files that validate, or are marked with what else they are."""

import io

import pytest
from pages import blocks
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from superionic.spec import ElectrolyteSpec
from superionic.stages import TrainingSettings


def name_of(block):
    return block.place


@pytest.mark.parametrize("block", blocks("yaml"), ids=name_of)
def test_yaml_blocks_validate(block):
    data = YAML(typ="safe").load(io.StringIO(block.text))
    if block.mark.startswith("other file"):
        return
    if block.mark == "training settings":
        TrainingSettings.model_validate(data)
        return
    profiles = data.pop("profiles", {})
    for part in (data, *profiles.values()):
        for key, value in part.items():
            assert key in ElectrolyteSpec.model_fields, f"{block.place}: {key} is no key of a campaign file"
            TypeAdapter(ElectrolyteSpec.model_fields[key].annotation).validate_python(value)
