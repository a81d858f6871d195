import errno
import io

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


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.ETIMEDOUT, errno.EDQUOT, None])
def test_failure_of_a_disk_or_a_connection_may_pass(code):
    assert errors.of_machine(OSError(code, "words") if code else OSError("words"), "message").temporary


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.EISDIR, errno.EROFS])
def test_wrong_name_or_permission_lasts(code):
    assert not errors.of_machine(OSError(code, "words"), "message").temporary
    assert not errors.of_machine(io.UnsupportedOperation("words"), "message").temporary
    assert not errors.DataError("message").temporary


@pytest.mark.parametrize(
    ("word", "may_pass"), [("ACCESS_DENIED", False), ("NO_SUCH_BUCKET", False), ("SLOW_DOWN", True)]
)
def test_word_of_an_object_store_decides(word, may_pass):
    error = OSError(f"When reading information for key 'a' in bucket 'b': AWS Error {word} during HeadObject operation")
    assert errors.of_machine(error, "message").temporary is may_pass
