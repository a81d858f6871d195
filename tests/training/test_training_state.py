import pytest

torch = pytest.importorskip("torch")

from emoscope.training.training_state import TrainingState


def run(path):
    """A model with optimizer, schedule and generator, and its state in a file."""
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    order = torch.Generator().manual_seed(0)
    return model, optimizer, schedule, order, TrainingState(path, model, optimizer, schedule, order)


def step(model, optimizer, schedule, order):
    """A training step that draws from both generators; returns what it draws."""
    drawn = torch.rand(3, generator=order).tolist(), torch.rand(2)
    model(drawn[1]).sum().backward()
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
    return drawn[0], drawn[1].tolist()


def test_restored_run_continues_as_the_saved_one(tmp_path):
    *parts, state = run(tmp_path / "checkpoints" / "state.pt")
    assert state.restore() == []
    step(*parts)
    state.save([0.5, 0.25])
    expected = [step(*parts), step(*parts)], [weight.tolist() for weight in parts[0].parameters()]
    *others, restored = run(tmp_path / "checkpoints" / "state.pt")
    assert restored.restore() == [0.5, 0.25]
    assert ([step(*others), step(*others)], [weight.tolist() for weight in others[0].parameters()]) == expected


@pytest.mark.parametrize("length", [0, 500])
def test_incomplete_file_restores_nothing(tmp_path, length):
    *_, state = run(tmp_path / "state.pt")
    state.save([0.5, 0.25])
    (tmp_path / "state.pt").write_bytes((tmp_path / "state.pt").read_bytes()[:length])
    model, *_, restored = run(tmp_path / "state.pt")
    before = [weight.tolist() for weight in model.parameters()]
    assert restored.restore() == []
    assert [weight.tolist() for weight in model.parameters()] == before
