# `make run` and `make test` are all a newcomer needs; both set up from nothing. `make run` runs variant v2, which is
# patches 1/9 to 6/9 of the series; ARGS="--variant v2-fast" has 7/9 and 8/9 too, and 9/9 is not modelled.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.installed
STAMP := $(VENV)/.installed-dev

.NOTPARALLEL:
.PHONY: setup run wheel test check exam mutate fuzz-inputs tidy clean

# percpu_fuzz/ has a link to each of the four folders; archives drop them.
LINKS := $(addprefix percpu_fuzz/,engine strategies fuzz reports)
$(LINKS):
	ln -s ../$(@F) $@

# $(call installed,WHAT): the package with what it needs, or '.[dev]' with what check and test need too.
define installed
	@echo "making a virtual environment in $(VENV) for $(1) and what it needs, once: one to three minutes"
	@(while sleep 1; do printf .; done) & dots=$$!; \
	$(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check -e '$(1)' && \
	$(BIN)/python -m compileall -q engine strategies reports fuzz; \
	status=$$?; kill $$dots; echo; exit $$status
endef

$(RUNS): pyproject.toml | $(LINKS)
	$(call installed,.)
	touch $@

$(STAMP): pyproject.toml | $(LINKS)
	$(call installed,.[dev])
	touch $(RUNS) $@

setup: $(RUNS)
	$(BIN)/python -m percpu_fuzz.fuzz.warm small wide

run: setup
	@echo "$(BIN)/percpu-fuzz run $(ARGS)"
	@$(BIN)/percpu-fuzz run $(ARGS); status=$$?; if [ $$status -eq 1 ] || [ $$status -eq 4 ]; then exit 0; else exit $$status; fi

# For who installs it: machine code for x86-64-v3 is in it, and is compiled anew where that does not fit.
wheel: $(STAMP)
	rm -rf percpu_fuzz/compiled
	PERCPU_FUZZ_CACHE=percpu_fuzz/compiled $(BIN)/python -m percpu_fuzz.fuzz.warm small wide
	PERCPU_FUZZ_CACHE=percpu_fuzz/compiled $(BIN)/percpu-fuzz run --cases 1 --quiet --out $$(mktemp -d)/out >/dev/null || test $$? -eq 1
	$(BIN)/python -m hatchling build -t wheel -d dist
	rm -rf percpu_fuzz/compiled

test: $(STAMP)
	$(BIN)/python -m percpu_fuzz.fuzz.warm
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

check: $(STAMP)
	@echo "== ruff format"; $(BIN)/ruff format --check .
	@echo "== ruff check"; $(BIN)/ruff check .
	@echo "== mypy --strict"; $(BIN)/mypy
	@echo "== import-linter"; $(BIN)/lint-imports

exam: $(STAMP) setup
	$(BIN)/python -m tests.exam $(ONLY)

mutate: $(STAMP) setup
	$(BIN)/python -m tests.mutation --time $(or $(TIME),600) $(FILES)

fuzz-inputs: $(STAMP) setup
	$(BIN)/python -m tests.inputs --count $(or $(COUNT),20000) --seed $(or $(SEED),1)

tidy: $(STAMP)
	$(BIN)/python tests/support/tidy.py $(ARGS)

clean:
	rm -rf .venv* out .cache
