# Needs Python 3.11 or later with venv, nothing else. Everything is installed into .venv from the locks.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Also on PostgreSQL when a server answers here.
POSTGRES ?= postgres://root@127.0.0.1:5432/postgres
# Three at once, also on two cores: a part of the stories waits for processes, pages and the database.
PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal
# What stores, locks and asks. Not the pages, which draw it; not what is about Amazon's answers and the passing of
# time rather than rows: how fast it is asked, its feeds, what it ships, walks by chance, each story in the older
# version of Fulfillment Outbound as well, notifications, logs, and the remote shop's promises, which go over HTTP.
# Sudden death is here with the orders; with all flows, on both databases, in `make test-faults`.
WITH_DATABASE := tests/engine tests/merchants tests/backoffice tests/amazon tests/flows tests/remote \
	tests/metrics/test_figures.py tests/test_bulk.py \
	--ignore tests/backoffice/pages --ignore tests/amazon/pages --ignore tests/flows/test_offers_pace.py \
	--ignore tests/flows/test_first_run.py --ignore tests/flows/test_offer_feeds.py \
	--ignore tests/flows/test_fulfillment_following.py --ignore tests/flows/test_fulfillment_at_random.py \
	--ignore tests/flows/test_offers_at_random.py --ignore tests/flows/test_logs_of_a_story.py \
	--ignore tests/remote/test_promises_over_http.py --ignore tests/amazon/notifications \
	--ignore tests/flows/test_notifications.py --ignore tests/flows/test_shop_in_another_process.py \
	--ignore tests/flows/test_offer_sudden_death.py --ignore tests/flows/test_fulfillment_sudden_death.py \
	--ignore tests/flows/test_faults.py --ignore tests/flows/test_fulfillment_hand_over.py \
	--ignore tests/flows/test_offers_read_back.py --ignore tests/flows/test_offers_gaps.py \
	--ignore tests/amazon/offers/test_creating.py \
	-k "not 2020-07-01"

.DEFAULT_GOAL := help
.PHONY: help demo test test-faults check format translations clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/runtime.done ## Start a shop with an Amazon to play with
	@$(BIN)/kogge demo $(if $(PORT),--port $(PORT))

test: check ## Prove that it works: static checks and tests, on SQLite and PostgreSQL
	$(PYTEST)
	@if $(BIN)/python -c "import sys, psycopg; psycopg.connect(sys.argv[1], connect_timeout=3)" $(POSTGRES) 2>/dev/null; \
	then echo "again, on PostgreSQL"; DATABASE_URL=$(POSTGRES) $(PYTEST) $(WITH_DATABASE); \
	else echo "NOT tested on PostgreSQL: no server answers at $(POSTGRES)"; fi

test-faults: $(VENV)/dev.done translations ## Kill everything again and again, and see whether anything is lost
	timeout --foreground 230 $(BIN)/python -m tests.faults sqlite
	timeout --foreground 360 $(BIN)/python -m tests.faults postgres

check: $(VENV)/dev.done translations ## Look at the code without running it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy kogge tests
	$(BIN)/lint-imports
	$(BIN)/python build_translations.py --check

format: $(VENV)/dev.done ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

translations: $(VENV)/dev.done ## Compile the translations
	@$(BIN)/python build_translations.py

clean: ## Remove what make has installed
	rm -rf $(VENV)

# The lock with hashes first, then Kogge itself: pip accepts no hashes for a directory.
$(VENV)/runtime.done: requirements.lock requirements-build.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or later is needed')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.done: requirements-dev.lock $(VENV)/runtime.done
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
