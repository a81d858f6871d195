import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from emoscope.training.config import CompactConfig
from emoscope.training.training_loop import TokenizedRows, _rows_of_epoch, fit

CONFIG = CompactConfig(dimension=4, hidden=4, epochs=4, batch_size=5, learning_rate=0.02, warmup=0.1)
EMBEDDINGS = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
TOKEN_IDS = [[1 + row % 7, 2, 20][: 1 + row % 3] for row in range(20)]
ROWS = TokenizedRows(TOKEN_IDS, torch.arange(20) % 2, None, 2, torch.zeros(20), torch.zeros(20, 2))


def test_embeddings_of_word_pieces_that_do_not_occur_keep_their_values(tmp_path):
    model = fit(EMBEDDINGS, ROWS, CONFIG, tmp_path / "state.pt", lambda *_: None)
    changed = (model.vectors != EMBEDDINGS).any(dim=1)
    occurring = {token for ids in ROWS.token_ids for token in ids}
    assert set(torch.nonzero(changed).flatten().tolist()) == occurring


def test_each_row_is_used_in_its_number_of_epochs():
    uses = torch.tensor([0, 0, 1, 1, 1, 2, 2, 0, 5, 1])
    rows = TokenizedRows([[1]] * 10, torch.zeros(10, dtype=torch.long), None, 2, uses, torch.zeros(10, 2))
    epochs = [_rows_of_epoch(rows, epoch, 3).tolist() for epoch in range(3)]
    used = [sum(row in chosen for chosen in epochs) for row in range(10)]
    assert used == [3, 3, 1, 1, 1, 2, 2, 3, 3, 1]
    assert {len(chosen) for chosen in epochs} <= {6, 7}


def test_warm_up_of_a_single_step(tmp_path):
    """Ten steps, a tenth of them warm-up."""
    config = CompactConfig(dimension=4, hidden=4, epochs=5, batch_size=10, warmup=0.1)
    steps = []
    fit(EMBEDDINGS, ROWS, config, tmp_path / "state.pt", lambda *step: steps.append(step))
    assert [(done, total) for done, total, _ in steps] == [(done, 10) for done in range(1, 11)]


class StopError(Exception):
    """Interrupts a run."""


@pytest.mark.parametrize("last", [3, 6, 8, 16])
def test_interrupted_run_continues_to_the_same_weights(tmp_path, last):
    """In the first epoch, in the middle of the second, and after the last step of the second and of all epochs."""

    def stop(done, _total, _loss):
        if done == last:
            raise StopError

    undisturbed = fit(EMBEDDINGS, ROWS, CONFIG, tmp_path / "undisturbed.pt", lambda *_: None)
    with pytest.raises(StopError):
        fit(EMBEDDINGS, ROWS, CONFIG, tmp_path / "state.pt", stop)
    steps = []
    resumed = fit(EMBEDDINGS, ROWS, CONFIG, tmp_path / "state.pt", lambda *step: steps.append(step[0]))
    assert steps == list(range((last - 1) // 4 * 4 + 1, 17))
    for name, weight in resumed.state_dict().items():
        assert torch.equal(weight, undisturbed.state_dict()[name])
