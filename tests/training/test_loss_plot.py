"""The picture of a run's losses, from the logs of both kinds of run."""

import json
from importlib.util import find_spec

import pytest

from emoscope.training import loss_plot
from emoscope.training.loss_plot import mean_losses, plot_losses

STEPS = [
    {"epoch": 0.5, "loss": 3.0, "step": 1},
    {"epoch": 1.0, "loss": 1.0, "step": 2},
    {"epoch": 1.0, "eval_loss": 1.5},
    {"epoch": 1.5, "loss": 0.5},
    {"epoch": 2.0, "eval_loss": 1.25},
    {"epoch": 2.0, "train_loss": 1.5},
]


def test_losses_are_means_of_their_epoch():
    assert mean_losses(STEPS, "loss") == {1: 2.0, 2: 0.5}
    assert mean_losses(STEPS, "eval_loss") == {1: 1.5, 2: 1.25}


@pytest.mark.parametrize("history", [STEPS, [{"epoch": 1, "loss": 0.5}]])
def test_picture_is_drawn_beside_the_log(tmp_path, history):
    pytest.importorskip("matplotlib")
    (tmp_path / "history.json").write_text(json.dumps(history))
    plot_losses(tmp_path)
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    lines = loss_plot._losses({"history": history}).axes[0].get_lines()
    assert [list(line.get_ydata()) for line in lines] == [
        list(losses.values()) for key in ("loss", "eval_loss") if (losses := mean_losses(history, key))
    ]


def test_without_matplotlib_there_is_no_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(loss_plot, "find_spec", lambda _: None)
    plot_losses(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_run_of_a_compact_student_has_its_losses(compact_run):
    losses = mean_losses(json.loads((compact_run.folder / "history.json").read_text()), "loss")
    steps = [step for step in compact_run.steps if step.stage == "student"]
    epochs = compact_run.config.epochs
    assert list(losses) == list(range(1, epochs + 1))
    last = [step.loss for step in steps[-len(steps) // epochs :]]
    assert losses[epochs] == pytest.approx(sum(last) / len(last))
    assert (compact_run.folder / "loss.png").is_file() is bool(find_spec("matplotlib"))
