"""Meters' files as people have them: read right or refused with the cause and what would help, never misread."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from meter_exports import FAMILIES, all_forms
from meter_forms import Form, differences

from bracket_env import InputError

FORMS = all_forms()


def test_there_are_enough_forms_of_each_family() -> None:
    assert len(FORMS) >= 70
    assert sum(form.refused is None for _, form in FORMS) >= 60
    assert all(sum(family == name for name, _ in FORMS) >= 5 for family in FAMILIES)
    assert len({(family, form.name) for family, form in FORMS}) == len(FORMS)


@pytest.mark.parametrize(("family", "form"), FORMS, ids=[f"{family}: {form.name}" for family, form in FORMS])
def test_a_form_is_read_right_or_refused_with_its_cause(family: str, form: Form, tmp_path: Path) -> None:
    path = form.write(tmp_path)
    if form.refused is not None:
        with pytest.raises(InputError, match=form.refused) as raised:
            form.read(path)
        assert str(raised.value).startswith(str(path)) or str(raised.value).startswith("--")
        assert "\n" not in str(raised.value)
        return
    found = form.read(path)
    assert differences(found.record, form.truth) == []
    report = found.lines()
    assert not any("\n" in line for line in report)
    for pattern in form.said:
        assert any(re.search(pattern, line) for line in report), report
