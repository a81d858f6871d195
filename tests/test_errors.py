import pytest

from emoscope import errors


def test_a_missing_extra_names_the_pip_command(monkeypatch):
    monkeypatch.setitem(errors.EXTRAS, "plot", ("no_such_module",))
    with pytest.raises(errors.MissingExtraError, match=r"no_such_module.*pip install 'emoscope\[plot\]'") as caught:
        errors.require_extra("plot")
    assert isinstance(caught.value, ImportError)


def test_an_installed_extra_raises_nothing(monkeypatch):
    monkeypatch.setitem(errors.EXTRAS, "plot", ("json",))
    errors.require_extra("plot")
