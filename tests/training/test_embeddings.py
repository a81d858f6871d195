import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module)

from safetensors.numpy import load_file, save_file

import tiny
from emoscope.errors import ModelError
from emoscope.training.embeddings import find_encoder, principal_components, word_embeddings


def test_principal_components_keep_the_distances(encoder):
    embeddings = load_file(encoder / "model.safetensors")["embeddings.word_embeddings.weight"]
    projected = principal_components(encoder, tiny.WIDTH, 2.0).numpy()
    assert projected.std() == pytest.approx(2.0, rel=1e-4)
    before = np.linalg.norm(embeddings[:5, None] - embeddings[None, 5:10], axis=-1)
    after = np.linalg.norm(projected[:5, None] - projected[None, 5:10], axis=-1)
    np.testing.assert_allclose(after / before, (after / before)[0, 0], rtol=1e-4)


def test_first_components_have_the_largest_variance(encoder):
    variances = principal_components(encoder, 5, 1.0).numpy().var(axis=0)
    assert variances.tolist() == sorted(variances.tolist(), reverse=True)


def test_too_many_dimensions_are_an_error(encoder):
    with pytest.raises(ModelError, match="dimension is 17, but .* have 16; give at most that"):
        principal_components(encoder, 17, 1.0)


def test_missing_file_of_the_encoder_is_an_error(tmp_path):
    with pytest.raises(ModelError, match=r"has no tokenizer\.json; .* tokenizer\.json and model\.safetensors"):
        find_encoder(str(tmp_path))


@pytest.mark.parametrize("names", [[], ["a.word_embeddings.weight", "b.word_embeddings.weight"]])
def test_no_tensor_or_several_tensors_of_embeddings_are_an_error(tmp_path, names):
    save_file({name: np.zeros((2, 2), np.float32) for name in [*names, "bias"]}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="must hold one tensor"):
        word_embeddings(tmp_path)


def test_broken_weights_are_an_error(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read"):
        word_embeddings(tmp_path)
