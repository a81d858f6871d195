"""The names of the package itself."""

import emoscope


def test_dir_lists_what_the_package_offers():
    assert dir(emoscope) == ["EMOTIONS", "EmotionClassifier", "Prediction", "__version__"]
    assert dir(emoscope) == sorted(emoscope.__all__)
