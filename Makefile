# Everything happens in one environment; TORCH and PYTHON can be given: make run TORCH='torch==2.13.0 --index-url ADDRESS'
TORCH  ?= torch==2.13.0
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready
# One thread a worker: the tiny models are too small for more
TESTENV = PATH="$(abspath $(BIN)):$$PATH" OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1

.PHONY: run test lab docs release tiny study speed soft-labels faithfulness paid-once readme
run: $(READY)
	$(BIN)/mentorkd run
test: $(READY)
	$(TESTENV) $(BIN)/nbdev_test --n_workers 2 --timing
	$(TESTENV) $(BIN)/python -m pytest -q tests
lab: $(READY)
	cd nbs && ../$(BIN)/jupyter lab
docs: $(READY)
	$(BIN)/python .ci/docs.py
# Tables that other code has made, and whether a slice of each, done again, comes out as before
release: $(READY)
	$(TESTENV) $(BIN)/python .ci/release.py
readme: $(READY)
	$(BIN)/jupyter nbconvert --to markdown --output-dir . --output README nbs/index.ipynb
	sed -i -e '/^#| /d' -e 's#](method.svg)#](nbs/method.svg)#' README.md
# The slow cells of a notebook, with their outputs written into it; a tutorial's are done only when asked for
tiny study: export MENTORKD_AGAIN = 1
tiny: $(READY)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace nbs/tutorials/make_tiny_models.ipynb
speed: $(READY)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace nbs/analysis/speed.ipynb
soft-labels: $(READY)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace nbs/analysis/soft_labels.ipynb
faithfulness: $(READY)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace nbs/analysis/faithfulness.ipynb
paid-once: $(READY)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace nbs/analysis/paid_once.ipynb
# Hours of two processors (`nbs/analysis/costs` says how many), stopped and gone on with at any time: rows that the tables have are kept
STUDY = tutorials/end_to_end $(addprefix analysis/,rq2_ablation lambda_sweep rq3_augmentation rq5_mentor_size fair_comparison rq4_low_resource rq1_students costs methods bug_ledger)
study: $(READY)
	for page in $(STUDY); do $(BIN)/jupyter nbconvert --to notebook --execute --inplace nbs/$$page.ipynb || exit 1; done

$(READY): setup.py settings.ini constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; give PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q $(TORCH) -c constraints.txt
	$(BIN)/pip install -q -e '.[dev]' -c constraints.txt
	touch $@
