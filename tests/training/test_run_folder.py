import pytest

from emoscope.errors import ModelError, RecipeError
from emoscope.training.run_folder import CHECKPOINTS, finished_report, publish, run_folder

IDENTITY = {"recipe": "epochs = 3", "rows of train": "0123"}


class StopError(Exception):
    """Interrupts a run."""


def interrupt(output, identity=IDENTITY):
    """Leave a run with a checkpoint behind."""
    with pytest.raises(StopError), run_folder(output, identity, resume=False) as folder:
        (folder / CHECKPOINTS).mkdir()
        (folder / CHECKPOINTS / "student.pt").write_text("epoch 1")
        raise StopError


def test_output_is_complete_or_missing(tmp_path):
    output = tmp_path / "run"
    with run_folder(output, IDENTITY, resume=False) as folder:
        (folder / CHECKPOINTS).mkdir()
        (folder / "model").write_text("weights")
        assert not output.exists()
        publish(folder, output)
    assert sorted(file.name for file in output.iterdir()) == ["model", "run.json"]
    assert "epochs = 3" not in (output / "run.json").read_text()
    assert list(tmp_path.iterdir()) == [output]


def test_finished_run_is_known_by_its_identity(tmp_path):
    output = tmp_path / "run"
    assert finished_report(output, IDENTITY) is None
    with run_folder(output, IDENTITY, resume=True) as folder:
        (folder / "report.json").write_text('{"accuracy": 0.5}')
        publish(folder, output)
    assert finished_report(output, IDENTITY) == {"accuracy": 0.5}
    other = IDENTITY | {"recipe": "epochs = 4", "number of folds": "5"}
    with pytest.raises(RecipeError, match="finished run that differs in its recipe and number of folds; give another"):
        finished_report(output, other)
    (output / "run.json").unlink()
    assert finished_report(output, IDENTITY) is None


def test_empty_output_folder_is_used(tmp_path):
    with run_folder(tmp_path, IDENTITY, resume=False) as folder:
        publish(folder, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_used_output_is_an_error_and_stays_as_it_was(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(RecipeError, match="not empty"), run_folder(tmp_path, IDENTITY, resume=False):
        pass
    assert (tmp_path / "mine").read_text() == "mine"


def test_foreign_folder_at_the_temporary_name_is_an_error(tmp_path):
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "mine").write_text("mine")
    with (
        pytest.raises(RecipeError, match="exists and is not a run of emoscope"),
        run_folder(tmp_path / "run", IDENTITY, resume=True),
    ):
        pass
    assert (tmp_path / "run.partial" / "mine").read_text() == "mine"


def test_interrupted_run_is_continued_with_resume_only(tmp_path):
    interrupt(tmp_path / "run")
    with pytest.raises(RecipeError, match="--resume continues it"), run_folder(tmp_path / "run", IDENTITY, False):
        pass
    with run_folder(tmp_path / "run", IDENTITY, resume=True) as folder:
        assert (folder / CHECKPOINTS / "student.pt").read_text() == "epoch 1"


def test_resume_without_an_interrupted_run_starts_one(tmp_path):
    with run_folder(tmp_path / "run", IDENTITY, resume=True) as folder:
        assert folder.is_dir()


@pytest.mark.parametrize(
    ("identity", "differences"),
    [
        (IDENTITY | {"recipe": "epochs = 4"}, "recipe"),
        (IDENTITY | {"teachers": "4567"}, "teachers"),
        ({"recipe": "epochs = 4"}, "recipe and rows of train"),
    ],
)
def test_another_run_is_not_resumed(tmp_path, identity, differences):
    interrupt(tmp_path / "run")
    with (
        pytest.raises(RecipeError, match=f"differs in its {differences}; continue it with what it was started with"),
        run_folder(tmp_path / "run", identity, resume=True),
    ):
        pass


def test_error_before_any_work_leaves_nothing_behind(tmp_path):
    with pytest.raises(ModelError), run_folder(tmp_path / "run", IDENTITY, resume=False):
        raise ModelError("no such encoder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("work", ["checkpoints/student.pt", "fold-0/model.safetensors"])
def test_error_after_work_keeps_it(tmp_path, work):
    with pytest.raises(ModelError), run_folder(tmp_path / "run", IDENTITY, resume=False) as folder:
        (folder / work).parent.mkdir()
        (folder / work).write_text("work")
        raise ModelError("no such encoder")
    assert (tmp_path / "run.partial" / work).read_text() == "work"


def test_other_processes_of_a_run_create_and_remove_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ModelError), run_folder(tmp_path / "run", IDENTITY, resume=False) as folder:
        assert not folder.exists()
        raise ModelError("no such encoder")
